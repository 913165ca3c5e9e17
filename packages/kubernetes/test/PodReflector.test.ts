import { assert, describe, it } from "@effect/vitest"
import { Effect, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import { KubeApi, type KubeApiError, type KubeQuery } from "../src/KubeApi.ts"
import { followPods, type PodListener, type PodSelection } from "../src/PodReflector.ts"
import { bookmark, event, failing, fakeApi, page, staying } from "./support/api.ts"
import { pending, web } from "./support/pods.ts"

type Events = ReturnType<KubeApi["Service"]["watch"]>

const next = <A>(script: ReadonlyArray<A>, before: number) => script[Math.min(before, script.length - 1)]!

/** Follows what lists and watches, each in turn, answer; the last one stands for all that follow. */
const following = (
  script: {
    readonly lists: ReadonlyArray<Effect.Effect<unknown, KubeApiError>>
    readonly watches: ReadonlyArray<Events>
  },
  selection: PodSelection = {}
) =>
  Effect.gen(function*() {
    const told: Array<string> = []
    const asked: Array<string> = []
    const queries: Array<KubeQuery> = []
    let lists = 0
    let watches = 0
    const api = fakeApi({
      get: (path, query = {}) =>
        Effect.suspend(() => {
          asked.push(`list ${query["continue"] ?? query["resourceVersion"] ?? ""}`.trim())
          queries.push({ path, ...query })
          return next(script.lists, lists++)
        }),
      watch: (path, query) =>
        Effect.suspend(() => {
          asked.push(`watch ${query["resourceVersion"]}`)
          queries.push({ path, ...query })
          return next(script.watches, watches++)
        })
    })
    const tell = (what: string) => Effect.sync(() => void told.push(what))
    const listener: PodListener = {
      listed: (pods) => tell(`listed ${pods.map(({ metadata }) => metadata.name).join()}`.trim()),
      changed: ({ metadata }) => tell(`changed ${metadata.name}`),
      deleted: ({ metadata }) => tell(`deleted ${metadata.name}`),
      lacking: (why) => tell(why === undefined ? "well" : `lacking: ${why}`)
    }
    yield* followPods(selection, listener).pipe(
      Effect.provideService(KubeApi, api),
      // The same waits in each run.
      Random.withSeed("pods"),
      Effect.forkScoped
    )
    yield* TestClock.adjust(0)
    return { told, asked, queries }
  })

const empty = Effect.succeed(page([], "10"))
const watching: Events = Effect.succeed(Stream.never)
const name = web.metadata.name
/** A watch that brings these and ends after a minute. */
const ending = (...events: ReadonlyArray<unknown>): Events =>
  Effect.succeed(Stream.concat(Stream.fromIterable(events), Stream.fromEffectDrain(Effect.sleep("60 seconds"))))

describe("followPods", () => {
  it.effect("lists page by page, then watches from there", () =>
    Effect.gen(function*() {
      const { asked, queries, told } = yield* following({
        lists: [Effect.succeed(page([web], "10", "more")), Effect.succeed(page([pending], "10"))],
        watches: [Effect.succeed(staying(event("MODIFIED", web, "11"), event("DELETED", web, "12")))]
      }, { namespace: "a/b", labelSelector: "x=1" })
      assert.deepStrictEqual(asked, ["list", "list more", "watch 10"])
      assert.deepStrictEqual(told, [
        `listed ${name},${pending.metadata.name}`,
        "well",
        `changed ${name}`,
        `deleted ${name}`
      ])
      assert.strictEqual(queries[0]?.["path"], "/api/v1/namespaces/a%2Fb/pods")
      assert.strictEqual(queries[0]?.["limit"], 500)
      assert.strictEqual(queries[2]?.["labelSelector"], "x=1")
      assert.strictEqual(queries[2]?.["allowWatchBookmarks"], true)
    }))

  it.effect("watches again from the last event or bookmark when a watch ends", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* following({
        lists: [empty],
        watches: [ending(event("ADDED", web, "11"), bookmark("15")), ending(event("MODIFIED", web, "16")), watching]
      })
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(asked, ["list", "watch 10", "watch 15", "watch 16"])
      assert.notInclude(told.join("\n"), "lacking")
    }))

  it.effect("lists anew after a watch in which nothing came, not even a bookmark", () =>
    Effect.gen(function*() {
      const { asked } = yield* following({
        lists: [empty, Effect.succeed(page([], "3"))],
        watches: [ending(), watching]
      })
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(asked, ["list", "watch 10", "list", "watch 3"])
    }))

  it.effect("notices a connection that carries nothing any more", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* following({ lists: [empty], watches: [watching] })
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(asked, ["list", "watch 10"])
      yield* TestClock.adjust("80 seconds")
      assert.deepStrictEqual(asked, ["list", "watch 10", "watch 10"])
      assert.include(told.join("\n"), "did not end when it should have")
    }))

  it.effect("goes on from where it was when the API server was away, more and more slowly", () =>
    Effect.gen(function*() {
      const away: Events = Effect.fail(failing("unreachable"))
      const { asked, told } = yield* following({
        lists: [empty],
        watches: [
          Effect.succeed(Stream.concat(Stream.make(event("ADDED", web, "11")), Stream.fail(failing("unreachable")))),
          ...Array.from({ length: 20 }, () => away),
          watching
        ]
      })
      assert.deepStrictEqual(told.at(-1), "lacking: it is unreachable")
      yield* TestClock.adjust("30 seconds")
      const tries = asked.length
      assert.isAbove(tries, 6)
      assert.isBelow(tries, 20)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual([...new Set(asked)], ["list", "watch 10", "watch 11"])
      assert.strictEqual(told.at(-1), "well")
    }))

  it.effect("lists anew, at once and not from a cache, where its version is too old", () =>
    Effect.gen(function*() {
      const expired = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }
      const { asked, told } = yield* following({
        lists: [empty, Effect.succeed(page([web], "90"))],
        watches: [
          Effect.succeed(Stream.concat(
            Stream.make(bookmark("11")),
            Stream.concat(Stream.fromEffectDrain(Effect.sleep("60 seconds")), Stream.make(expired))
          )),
          watching
        ]
      }, { cached: true })
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(asked, ["list 0", "watch 10", "list", "watch 90"])
      assert.deepStrictEqual(told, ["listed", "well", `listed ${name}`, "well"])
    }))

  it.effect("does not hurry where each version is too old", () =>
    Effect.gen(function*() {
      const { asked } = yield* following({ lists: [empty], watches: [Effect.fail(failing("gone"))] })
      yield* TestClock.adjust("10 seconds")
      assert.isBelow(asked.length, 20)
      assert.include(asked, "list")
    }))

  it.effect("tells why it cannot list, and lists when it can", () =>
    Effect.gen(function*() {
      const { told } = yield* following({ lists: [Effect.fail(failing("forbidden")), empty], watches: [watching] })
      assert.deepStrictEqual(told, ["lacking: it is forbidden"])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(told, ["lacking: it is forbidden", "listed", "well"])
    }))

  it.effect("begins anew with a list that broke off between two pages", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* following({
        lists: [
          Effect.succeed(page([web], "10", "more")),
          Effect.fail(failing("unreachable")),
          Effect.succeed(page([web], "11", "more")),
          Effect.succeed(page([pending], "11"))
        ],
        watches: [watching]
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(asked, ["list", "list more", "list", "list more", "watch 11"])
      assert.deepStrictEqual(told, ["lacking: it is unreachable", `listed ${name},${pending.metadata.name}`, "well"])
    }))

  it.effect("leaves out what is no pod, and keeps the others", () =>
    Effect.gen(function*() {
      const { told } = yield* following({
        lists: [Effect.succeed(page([{ metadata: { name: 1 } }, web, null], "10"))],
        watches: [Effect.succeed(staying({ type: "ADDED", object: { spec: {} } }, event("MODIFIED", web, "11")))]
      })
      assert.deepStrictEqual(told, [`listed ${name}`, "well", `changed ${name}`])
    }))

  it.effect.each<[string, unknown]>([
    ["a line that is no event", "nonsense"],
    ["an error that is not told what", { type: "ERROR", object: null }]
  ])("lists anew after %s", ([, line]) =>
    Effect.gen(function*() {
      const { asked } = yield* following({ lists: [empty], watches: [Effect.succeed(Stream.make(line)), watching] })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(asked, ["list", "watch 10", "list", "watch 10"])
    }))

  it.effect("an answer that is no list is none", () =>
    Effect.gen(function*() {
      const { told } = yield* following({ lists: [Effect.succeed({ items: [] })], watches: [watching] })
      assert.deepStrictEqual(told, ["lacking: The API server's answer is no list of pods."])
    }))
})
