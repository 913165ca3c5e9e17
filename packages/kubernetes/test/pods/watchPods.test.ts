import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Random, Stream } from "effect"
import { TestClock } from "effect/testing"
import { KubeApi, type KubeApiError, type KubeQuery } from "../../src/api/KubeApi.ts"
import { type PodListener, type PodSelection, watchPods } from "../../src/pods/watchPods.ts"
import { apiError, bookmark, event, fakeApi, openWatch, page } from "../support/api.ts"
import { pending, web } from "../support/pods.ts"

type Events = ReturnType<KubeApi["Service"]["watch"]>

const next = <A>(script: ReadonlyArray<A>, before: number) => script[Math.min(before, script.length - 1)]!

/** Watches pods with these answers to lists and watches. The last one is repeated. */
const startWatch = (
  script: {
    readonly lists: ReadonlyArray<Effect.Effect<unknown, KubeApiError>>
    readonly watches: ReadonlyArray<Events>
  },
  selection: PodSelection = {}
) =>
  Effect.gen(function*() {
    const received: Array<string> = []
    const requests: Array<string> = []
    const queries: Array<KubeQuery> = []
    let lists = 0
    let watches = 0
    const api = fakeApi({
      get: (path, query = {}) =>
        Effect.suspend(() => {
          requests.push(`list ${query["continue"] ?? query["resourceVersion"] ?? ""}`.trim())
          queries.push({ path, ...query })
          return next(script.lists, lists++)
        }),
      watch: (path, query) =>
        Effect.suspend(() => {
          requests.push(`watch ${query["resourceVersion"]}`)
          queries.push({ path, ...query })
          return next(script.watches, watches++)
        })
    })
    const record = (text: string) => Effect.sync(() => void received.push(text))
    const listener: PodListener = {
      onList: (pods) => record(`listed ${pods.map(({ metadata }) => metadata.name).join()}`.trim()),
      onChange: ({ metadata }) => record(`changed ${metadata.name}`),
      onDelete: ({ metadata }) => record(`deleted ${metadata.name}`),
      onStatus: (reason) => record(reason === undefined ? "working" : `degraded: ${reason}`)
    }
    yield* watchPods(selection, listener).pipe(
      Effect.provideService(KubeApi, api),
      // The same delays in each run.
      Random.withSeed("pods"),
      Effect.forkScoped
    )
    yield* TestClock.adjust(0)
    return { received, requests, queries }
  })

const empty = Effect.succeed(page([], "10"))
const quietWatch: Events = Effect.succeed(Stream.never)
const name = web.metadata.name
const forbidden = "degraded: koredump has no permission to list and watch pods. The request is forbidden. " +
  "Grant the verbs list and watch on pods to its service account, or set rbac.create in the Helm chart."
/** A watch that sends these events and ends after a minute. */
const endedWatch = (...events: ReadonlyArray<unknown>): Events =>
  Effect.succeed(Stream.concat(Stream.fromIterable(events), Stream.fromEffectDrain(Effect.sleep("60 seconds"))))

describe("watchPods", () => {
  it.effect("lists page by page, then watches from there", () =>
    Effect.gen(function*() {
      const { queries, received, requests } = yield* startWatch({
        lists: [Effect.succeed(page([web], "10", "more")), Effect.succeed(page([pending], "10"))],
        watches: [Effect.succeed(openWatch(event("MODIFIED", web, "11"), event("DELETED", web, "12")))]
      }, { namespace: "a/b", labelSelector: "x=1" })
      assert.deepStrictEqual(requests, ["list", "list more", "watch 10"])
      assert.deepStrictEqual(received, [
        `listed ${name},${pending.metadata.name}`,
        "working",
        `changed ${name}`,
        `deleted ${name}`
      ])
      assert.strictEqual(queries[0]?.["path"], "/api/v1/namespaces/a%2Fb/pods")
      assert.strictEqual(queries[0]?.["limit"], 100)
      assert.strictEqual(queries[2]?.["labelSelector"], "x=1")
      assert.strictEqual(queries[2]?.["allowWatchBookmarks"], true)
    }))

  it.effect("sends no version with the later pages of a cached list", () =>
    Effect.gen(function*() {
      const { queries } = yield* startWatch({
        lists: [Effect.succeed(page([web], "10", "more")), empty],
        watches: [quietWatch]
      }, { cached: true })
      assert.deepStrictEqual(
        queries.slice(0, 2).map((query) => [query["resourceVersion"], query["continue"]]),
        [["0", undefined], [undefined, "more"]]
      )
    }))

  it.effect("refuses to watch more than 50,000 pods", () =>
    Effect.gen(function*() {
      const minimal = { metadata: { name: "web", namespace: "shop", uid: "u1" }, spec: {} }
      const pods = Array.from({ length: 25_001 }, () => minimal)
      const { received } = yield* startWatch({
        lists: [Effect.succeed(page(pods, "10", "more")), Effect.succeed(page(pods, "10"))],
        watches: [quietWatch]
      })
      assert.deepStrictEqual(received, ["degraded: There are more than 50000 pods, which is too many to watch."])
    }))

  it.effect("logs a failure once, and the recovery", () =>
    Effect.gen(function*() {
      const logged: Array<unknown> = []
      const failed = Effect.fail(apiError("unreachable"))
      yield* startWatch({ lists: [failed, failed, failed, empty], watches: [quietWatch] }).pipe(
        Effect.andThen(TestClock.adjust("1 minute")),
        Effect.provide(Logger.layer([Logger.make(({ message }) => logged.push(message))]))
      )
      assert.deepStrictEqual(logged, [["Pod watch failed"], ["Pod watch recovered"]])
    }))

  it.effect("watches again from the last event or bookmark when a watch ends", () =>
    Effect.gen(function*() {
      const { received, requests } = yield* startWatch({
        lists: [empty],
        watches: [
          endedWatch(event("ADDED", web, "11"), bookmark("15")),
          endedWatch(event("MODIFIED", web, "16")),
          quietWatch
        ]
      })
      yield* TestClock.adjust("3 minutes")
      assert.deepStrictEqual(requests, ["list", "watch 10", "watch 15", "watch 16"])
      assert.notInclude(received.join("\n"), "degraded")
    }))

  it.effect("lists again after a watch without any event or bookmark", () =>
    Effect.gen(function*() {
      const { requests } = yield* startWatch({
        lists: [empty, Effect.succeed(page([], "3"))],
        watches: [endedWatch(), quietWatch]
      })
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(requests, ["list", "watch 10", "list", "watch 3"])
    }))

  it.effect("detects a dead connection", () =>
    Effect.gen(function*() {
      const { received, requests } = yield* startWatch({ lists: [empty], watches: [quietWatch] })
      yield* TestClock.adjust("50 seconds")
      assert.deepStrictEqual(requests, ["list", "watch 10"])
      yield* TestClock.adjust("80 seconds")
      assert.deepStrictEqual(requests, ["list", "watch 10", "watch 10"])
      assert.include(received.join("\n"), "degraded: The pod watch did not end in time.")
    }))

  it.effect("continues from the last version after failures, with a backoff", () =>
    Effect.gen(function*() {
      const failedWatch: Events = Effect.fail(apiError("unreachable"))
      const { received, requests } = yield* startWatch({
        lists: [empty],
        watches: [
          Effect.succeed(Stream.concat(Stream.make(event("ADDED", web, "11")), Stream.fail(apiError("unreachable")))),
          ...Array.from({ length: 20 }, () => failedWatch),
          quietWatch
        ]
      })
      assert.deepStrictEqual(received.at(-1), "degraded: The request is unreachable.")
      yield* TestClock.adjust("30 seconds")
      const attempts = requests.length
      assert.isAbove(attempts, 6)
      assert.isBelow(attempts, 20)
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual([...new Set(requests)], ["list", "watch 10", "watch 11"])
      assert.strictEqual(received.at(-1), "working")
    }))

  it.effect("lists again immediately, and not from the cache, if its version is expired", () =>
    Effect.gen(function*() {
      const expired = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }
      const { received, requests } = yield* startWatch({
        lists: [empty, Effect.succeed(page([web], "90"))],
        watches: [
          Effect.succeed(Stream.concat(
            Stream.make(bookmark("11")),
            Stream.concat(Stream.fromEffectDrain(Effect.sleep("60 seconds")), Stream.make(expired))
          )),
          quietWatch
        ]
      }, { cached: true })
      yield* TestClock.adjust("60 seconds")
      assert.deepStrictEqual(requests, ["list 0", "watch 10", "list", "watch 90"])
      assert.deepStrictEqual(received, ["listed", "working", `listed ${name}`, "working"])
    }))

  it.effect("lists from the cache again after a stable watch", () =>
    Effect.gen(function*() {
      const expired = { type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }
      const { requests } = yield* startWatch({
        lists: [empty],
        watches: [Effect.succeed(Stream.make(expired)), endedWatch(), quietWatch]
      }, { cached: true })
      yield* TestClock.adjust("2 minutes")
      assert.deepStrictEqual(requests, ["list 0", "watch 10", "list", "watch 10", "list 0", "watch 10"])
    }))

  it.effect("waits if every version is expired", () =>
    Effect.gen(function*() {
      const { requests } = yield* startWatch({ lists: [empty], watches: [Effect.fail(apiError("gone"))] })
      yield* TestClock.adjust("10 seconds")
      assert.isAbove(requests.length, 6)
      assert.isBelow(requests.length, 20)
      assert.include(requests, "list")
    }))

  it.effect("explains why it cannot list, and retries", () =>
    Effect.gen(function*() {
      const { received } = yield* startWatch({
        lists: [Effect.fail(apiError("forbidden")), empty],
        watches: [quietWatch]
      })
      assert.deepStrictEqual(received, [forbidden])
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(received, [forbidden, "listed", "working"])
    }))

  it.effect("starts a list again that failed between two pages", () =>
    Effect.gen(function*() {
      const { received, requests } = yield* startWatch({
        lists: [
          Effect.succeed(page([web], "10", "more")),
          Effect.fail(apiError("unreachable")),
          Effect.succeed(page([web], "11", "more")),
          Effect.succeed(page([pending], "11"))
        ],
        watches: [quietWatch]
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(requests, ["list", "list more", "list", "list more", "watch 11"])
      assert.deepStrictEqual(received, [
        "degraded: The request is unreachable.",
        `listed ${name},${pending.metadata.name}`,
        "working"
      ])
    }))

  it.effect("skips invalid pods and keeps the others", () =>
    Effect.gen(function*() {
      const { received } = yield* startWatch({
        lists: [Effect.succeed(page([{ metadata: { name: 1 } }, web, null], "10"))],
        watches: [Effect.succeed(openWatch({ type: "ADDED", object: { spec: {} } }, event("MODIFIED", web, "11")))]
      })
      assert.deepStrictEqual(received, [`listed ${name}`, "working", `changed ${name}`])
    }))

  it.effect.each<[string, unknown]>([
    ["an invalid line", "nonsense"],
    ["an error without a code", { type: "ERROR", object: null }]
  ])("lists again after %s", ([, line]) =>
    Effect.gen(function*() {
      const { requests } = yield* startWatch({
        lists: [empty],
        watches: [Effect.succeed(Stream.make(line)), quietWatch]
      })
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(requests, ["list", "watch 10", "list", "watch 10"])
    }))

  it.effect("explains that an answer is not a list", () =>
    Effect.gen(function*() {
      const { received } = yield* startWatch({ lists: [Effect.succeed({ items: [] })], watches: [quietWatch] })
      assert.deepStrictEqual(received, ["degraded: The Kubernetes API did not return a valid list of pods."])
    }))
})
