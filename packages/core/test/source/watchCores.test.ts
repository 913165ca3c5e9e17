import { assert, describe, it } from "@effect/vitest"
import {
  type ChangesOptions,
  type CoreEvent,
  CoreSource,
  type CoreSummary,
  Forbidden,
  NodeFailed,
  type Problem,
  ResourceVersionExpired,
  watchCores,
  type WatchOptions
} from "@koredump/core"
import { FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { Clock, Effect, Fiber, Result, Stream } from "effect"
import { TestClock } from "effect/testing"

const core = (pid: number, resourceVersion: string, fields: Record<string, string> = {}): CoreSummary => ({
  id: `core.crashme.0.0123456789abcdef0123456789abcdef.${pid}.1700000000000000` as CoreSummary["id"],
  node: "node-1",
  state: "present",
  compression: "none",
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
  COREDUMP_PID: pid,
  resourceVersion,
  ...fields
})

const added = (...args: Parameters<typeof core>): CoreEvent => ({ type: "ADDED", object: core(...args) })
const bookmark = (resourceVersion: string): CoreEvent => ({ type: "BOOKMARK", object: { resourceVersion } })

const broken = Stream.fail(new NodeFailed())
const expired = Stream.fail(new ResourceVersionExpired())

/** A source whose watches are the given streams, one after the other; the last goes on without end. */
const scripted = (connections: ReadonlyArray<Stream.Stream<CoreEvent, Problem>>) => {
  const asked: Array<ChangesOptions> = []
  const times: Array<number> = []
  const changes = (options: ChangesOptions = {}) => {
    asked.push(options)
    const connection = connections[asked.length - 1] ?? Stream.never
    return Stream.unwrap(Effect.map(Clock.currentTimeMillis, (now) => {
      times.push(now)
      return connection
    }))
  }
  return { asked, times, source: { changes } as CoreSource["Service"] }
}

const text = (event: CoreEvent) =>
  event.type === "BOOKMARK"
    ? `BOOKMARK ${event.object.resourceVersion}`
    : `${event.type} ${event.object.COREDUMP_PID} ${event.object.resourceVersion}`

/** What a watch over the connections tells, and what it asks for; hours pass. */
const watched = Effect.fnUntraced(function*(
  connections: ReadonlyArray<Stream.Stream<CoreEvent, Problem>>,
  options?: WatchOptions
) {
  const { asked, source, times } = scripted(connections)
  const told: Array<string> = []
  const fiber = yield* watchCores(source, options).pipe(
    Stream.runForEach((event) => Effect.sync(() => told.push(text(event)))),
    Effect.result,
    Effect.forkChild
  )
  yield* TestClock.adjust("3 hours")
  const ended = fiber.pollUnsafe()
  yield* Fiber.interrupt(fiber)
  const failure = ended?._tag === "Success" && Result.isFailure(ended.value) ? ended.value.failure._tag : undefined
  return { asked: asked.map(({ since }) => since), times, told, failure }
})

describe("watchCores", () => {
  it.effect("resumes from the last version seen", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* watched([
        Stream.concat(Stream.make(added(1, "a-1"), bookmark("a-7")), broken),
        Stream.concat(Stream.make(added(2, "a-8")), broken),
        Stream.empty
      ])
      assert.deepStrictEqual(told, ["ADDED 1 a-1", "BOOKMARK a-7", "ADDED 2 a-8"])
      assert.deepStrictEqual(asked, [undefined, "a-7", "a-8", "a-8"])
    }))

  it.effect("does not resume within the first replay, and repeats nothing", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* watched([
        Stream.concat(Stream.make(added(1, "a-5")), broken),
        Stream.make(added(1, "a-5"), added(2, "a-3"), bookmark("a-5"))
      ])
      assert.deepStrictEqual(told, ["ADDED 1 a-5", "ADDED 2 a-3", "BOOKMARK a-5"])
      assert.deepStrictEqual(asked, [undefined, undefined, "a-5"])
    }))

  it.effect("after an expired version tells only the difference", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* watched([
        Stream.concat(Stream.make(added(1, "a-1"), added(2, "a-2"), added(3, "a-3"), bookmark("a-3")), expired),
        Stream.concat(
          Stream.make(added(1, "b-1"), added(3, "b-2", { title: "SIGSEGV" }), added(4, "b-3"), bookmark("b-3")),
          Stream.never
        )
      ])
      assert.deepStrictEqual(told.slice(4), ["MODIFIED 3 b-2", "ADDED 4 b-3", "DELETED 2 b-3", "BOOKMARK b-3"])
      assert.deepStrictEqual(asked, [undefined, undefined])
    }))

  it.effect("begins anew at once where its version has expired, however long it was away", () =>
    Effect.gen(function*() {
      const { asked, times } = yield* watched([
        Stream.concat(Stream.make(bookmark("a-1")), broken),
        ...Array.from({ length: 8 }, () => broken),
        expired,
        Stream.concat(Stream.make(bookmark("b-1")), Stream.never)
      ])
      assert.deepStrictEqual(asked.slice(-2), ["a-1", undefined])
      assert.strictEqual(times.at(-1), times.at(-2))
      assert.isAbove(times.at(-2)! - times.at(-3)!, 1000)
    }))

  it.effect("waits where that goes on and on", () =>
    Effect.gen(function*() {
      const { asked } = yield* watched(
        Array.from({ length: 20_000 }, () => Stream.concat(Stream.make(bookmark("a-1")), expired))
      )
      assert.isBelow(asked.length, 2 * 3 * 3600)
    }))

  it.effect("compares with what the caller shows, where its version has expired", () =>
    Effect.gen(function*() {
      const { asked, told } = yield* watched([
        expired,
        Stream.concat(Stream.make(added(1, "b-1"), bookmark("b-1")), Stream.never)
      ], { since: "a-2", shown: [core(1, "a-1"), core(2, "a-2")] })
      assert.deepStrictEqual(told, ["DELETED 2 b-1", "BOOKMARK b-1"])
      assert.deepStrictEqual(asked, ["a-2", undefined])
    }))

  it.effect("waits longer and longer, then every 10 seconds at most", () =>
    Effect.gen(function*() {
      const { asked } = yield* watched([
        Stream.concat(Stream.make(bookmark("a-1")), broken),
        ...Array.from({ length: 5000 }, () => broken)
      ])
      assert.isAbove(asked.length, 3 * 3600 / 13)
      assert.isBelow(asked.length, 3 * 3600 / 7)
    }))

  it.effect("fails where it never began, and where the failure will not pass", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* watched([broken])).failure, "NodeFailed")
      const forbidden = Stream.concat(Stream.make(bookmark("a-1")), Stream.fail(new Forbidden()))
      assert.strictEqual((yield* watched([forbidden])).failure, "Forbidden")
    }))

  it.effect("goes on over a source of this process that has dropped the version", () =>
    Effect.gen(function*() {
      const cores = yield* FakeCores
      const source = yield* CoreSource
      const { resourceVersion: since } = yield* source.list({})
      for (let pid = 1; pid <= 10; pid++) yield* cores.put({ pid, content: new Uint8Array(1) })
      const fiber = yield* watchCores(source, { since }).pipe(
        Stream.takeUntil((event) => event.type === "BOOKMARK"),
        Stream.runCollect,
        Effect.forkChild
      )
      yield* TestClock.adjust("1 minute")
      assert.strictEqual((yield* Fiber.join(fiber)).length, 11)
    }).pipe(Effect.provide(layerFakeCoreSource({ maxChanges: 2 }))))
})
