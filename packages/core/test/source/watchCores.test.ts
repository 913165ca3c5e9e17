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

/** A source whose watches are the given streams, one after the other. After the last one, watches never end. */
const makeSource = (connections: ReadonlyArray<Stream.Stream<CoreEvent, Problem>>) => {
  const requested: Array<ChangesOptions> = []
  const times: Array<number> = []
  const changes = (options: ChangesOptions = {}) => {
    requested.push(options)
    const connection = connections[requested.length - 1] ?? Stream.never
    return Stream.unwrap(Effect.map(Clock.currentTimeMillis, (now) => {
      times.push(now)
      return connection
    }))
  }
  return { requested, times, source: { changes } as CoreSource["Service"] }
}

const formatEvent = (event: CoreEvent) =>
  event.type === "BOOKMARK"
    ? `BOOKMARK ${event.object.resourceVersion}`
    : `${event.type} ${event.object.COREDUMP_PID} ${event.object.resourceVersion}`

/** Runs a watch over the connections for three hours. Returns its events, and the options of each connection. */
const runWatch = Effect.fnUntraced(function*(
  connections: ReadonlyArray<Stream.Stream<CoreEvent, Problem>>,
  options?: WatchOptions
) {
  const { requested, source, times } = makeSource(connections)
  const events: Array<string> = []
  const fiber = yield* watchCores(source, options).pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(formatEvent(event)))),
    Effect.result,
    Effect.forkChild
  )
  yield* TestClock.adjust("3 hours")
  const ended = fiber.pollUnsafe()
  yield* Fiber.interrupt(fiber)
  const failure = ended?._tag === "Success" && Result.isFailure(ended.value) ? ended.value.failure._tag : undefined
  return { requested: requested.map(({ since }) => since), times, events, failure }
})

describe("watchCores", () => {
  it.effect("resumes from the last version", () =>
    Effect.gen(function*() {
      const { requested, events } = yield* runWatch([
        Stream.concat(Stream.make(added(1, "a-1"), bookmark("a-7")), broken),
        Stream.concat(Stream.make(added(2, "a-8")), broken),
        Stream.empty
      ])
      assert.deepStrictEqual(events, ["ADDED 1 a-1", "BOOKMARK a-7", "ADDED 2 a-8"])
      assert.deepStrictEqual(requested, [undefined, "a-7", "a-8", "a-8"])
    }))

  it.effect("replays again if the first replay fails, and repeats no event", () =>
    Effect.gen(function*() {
      const { requested, events } = yield* runWatch([
        Stream.concat(Stream.make(added(1, "a-5")), broken),
        Stream.make(added(1, "a-5"), added(2, "a-3"), bookmark("a-5"))
      ])
      assert.deepStrictEqual(events, ["ADDED 1 a-5", "ADDED 2 a-3", "BOOKMARK a-5"])
      assert.deepStrictEqual(requested, [undefined, undefined, "a-5"])
    }))

  it.effect("emits only the difference after the version has expired", () =>
    Effect.gen(function*() {
      const { requested, events } = yield* runWatch([
        Stream.concat(Stream.make(added(1, "a-1"), added(2, "a-2"), added(3, "a-3"), bookmark("a-3")), expired),
        Stream.concat(
          Stream.make(added(1, "b-1"), added(3, "b-2", { title: "SIGSEGV" }), added(4, "b-3"), bookmark("b-3")),
          Stream.never
        )
      ])
      assert.deepStrictEqual(events.slice(4), ["MODIFIED 3 b-2", "ADDED 4 b-3", "DELETED 2 b-3", "BOOKMARK b-3"])
      assert.deepStrictEqual(requested, [undefined, undefined])
    }))

  it.effect("replays without delay when the version has expired, even after a long outage", () =>
    Effect.gen(function*() {
      const { requested, times } = yield* runWatch([
        Stream.concat(Stream.make(bookmark("a-1")), broken),
        ...Array.from({ length: 8 }, () => broken),
        expired,
        Stream.concat(Stream.make(bookmark("b-1")), Stream.never)
      ])
      assert.deepStrictEqual(requested.slice(-2), ["a-1", undefined])
      assert.strictEqual(times.at(-1), times.at(-2))
      assert.isAbove(times.at(-2)! - times.at(-3)!, 1000)
    }))

  it.effect("delays reconnects when versions expire again and again", () =>
    Effect.gen(function*() {
      const { requested, times } = yield* runWatch(
        Array.from({ length: 20 }, () => Stream.concat(Stream.make(bookmark("a-1")), expired))
      )
      assert.strictEqual(requested.length, 21)
      // Every second connection replays immediately. The others wait at least for the shortest delay.
      for (let i = 2; i < times.length; i += 2) assert.isAtLeast(times[i]! - times[i - 1]!, 400)
    }))

  it.effect("compares with the shown cores when the version has expired", () =>
    Effect.gen(function*() {
      const { requested, events } = yield* runWatch([
        expired,
        Stream.concat(Stream.make(added(1, "b-1"), bookmark("b-1")), Stream.never)
      ], { since: "a-2", shown: [core(1, "a-1"), core(2, "a-2")] })
      assert.deepStrictEqual(events, ["DELETED 2 b-1", "BOOKMARK b-1"])
      assert.deepStrictEqual(requested, ["a-2", undefined])
    }))

  it.effect("reconnects with a growing delay of up to 10 seconds", () =>
    Effect.gen(function*() {
      const { requested } = yield* runWatch([
        Stream.concat(Stream.make(bookmark("a-1")), broken),
        ...Array.from({ length: 5000 }, () => broken)
      ])
      assert.isAbove(requested.length, 3 * 3600 / 13)
      assert.isBelow(requested.length, 3 * 3600 / 7)
    }))

  it.effect("fails before the first event, and with permanent problems", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* runWatch([broken])).failure, "NodeFailed")
      const forbidden = Stream.concat(Stream.make(bookmark("a-1")), Stream.fail(new Forbidden()))
      assert.strictEqual((yield* runWatch([forbidden])).failure, "Forbidden")
    }))

  it.effect("continues over a source in this process that has dropped the version", () =>
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
