import { assert, describe, it } from "@effect/vitest"
import { type CoreEvent, CoreIndex, formatCoreId, formatTimestamp, type UnversionedCore } from "@koredump/core"
import { Effect, Fiber, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"

const bootId = "0123456789abcdef0123456789abcdef"
const noon = 1_700_000_000_000_000

const core = (pid: number, more: Partial<UnversionedCore> = {}): UnversionedCore => ({
  id: formatCoreId({ comm: "x", uid: 0, bootId, pid, usec: BigInt(noon), compression: "none" }),
  node: "node-1",
  state: "present",
  compression: "none",
  COREDUMP_PID: pid,
  COREDUMP_TIMESTAMP: formatTimestamp(noon + pid * 1_000_000)!,
  ...more
})

const pids = (index: CoreIndex, query: Parameters<CoreIndex["list"]>[0] = {}) =>
  index.list(query).cores.map((core) => core.COREDUMP_PID)

const formatEvent = (event: CoreEvent) =>
  event.type === "BOOKMARK" ? event.type : `${event.type} ${event.object.COREDUMP_PID}`

const follow = (index: CoreIndex, options: Parameters<CoreIndex["changes"]>[0], count: number) =>
  index.changes(options).pipe(
    Stream.drop(options?.since === undefined ? 0 : 1),
    Stream.take(count),
    Stream.map(formatEvent),
    Stream.runCollect,
    Effect.forkChild({ startImmediately: true })
  )

describe("CoreIndex", () => {
  it.effect("orders cores by time, in whatever order they are added", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      for (const pid of [5, 1, 4, 2, 3]) index.put(core(pid))
      assert.deepStrictEqual(pids(index), [1, 2, 3, 4, 5])
      index.put(core(2, { COREDUMP_TIMESTAMP: formatTimestamp(noon + 60_000_000)! }))
      index.remove(core(4))
      assert.deepStrictEqual(pids(index), [1, 3, 5, 2])
      assert.deepStrictEqual(pids(index, { order: "desc", limit: 2 }), [2, 5])
    }))

  it.effect("finds cores by ID, on given nodes or on all", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      for (const pid of [5, 1, 4, 2]) index.put(core(pid))
      index.put(core(4, { node: "node-2" }))
      const id = [core(4).id, core(9).id, core(1).id, core(4).id]
      assert.deepStrictEqual(pids(index, { id }), [1, 4, 4])
      assert.deepStrictEqual(pids(index, { id, node: ["node-1"] }), [1, 4])
      assert.deepStrictEqual(pids(index, { id, node: ["node-2", "node-1"], order: "desc", limit: 2 }), [4, 4])
      assert.deepStrictEqual(pids(index, { id, node: ["node-2"], comm: ["nobody"] }), [])
      assert.deepStrictEqual(pids(index, { id, node: [] }), [])
    }))

  it.effect("replays the cores as they are at the start, even if they change before they are read", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      for (let pid = 1; pid <= 1200; pid++) index.put(core(pid))
      let isFirst = true
      const events = yield* index.changes().pipe(
        Stream.tap(() =>
          Effect.sync(() => {
            if (!isFirst) return
            isFirst = false
            index.put(core(1, { title: "changed after it was read" }))
            index.put(core(1100, { title: "changed before it is read" }))
            index.put(core(1100, { title: "changed again" }))
            index.remove(core(1000))
            index.put(core(2000))
            index.put(core(3000, { COREDUMP_TIMESTAMP: formatTimestamp(noon)! }))
            index.put(core(600, { COREDUMP_TIMESTAMP: formatTimestamp(noon + 3_000_000_000)! }))
          })
        ),
        Stream.take(1200 + 1 + 7),
        Stream.runCollect
      )
      const replay = events.slice(0, 1200)
      const seen = replay.map((event) => event.type === "ADDED" ? event.object.COREDUMP_PID! : 0)
      assert.deepStrictEqual(seen.toSorted((a, b) => a - b), Array.from({ length: 1200 }, (_, i) => i + 1))
      assert.isTrue(replay.every((event) => event.type === "ADDED" && event.object.title === undefined))
      assert.deepStrictEqual(events.slice(1200).map(formatEvent), [
        "BOOKMARK",
        "MODIFIED 1",
        "MODIFIED 1100",
        "MODIFIED 1100",
        "DELETED 1000",
        "ADDED 2000",
        "ADDED 3000",
        "MODIFIED 600"
      ])
    }))

  it.effect("ends a replay that is slower than the changes", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxChanges: 10 })
      for (let pid = 1; pid <= 600; pid++) index.put(core(pid))
      const exit = yield* index.changes().pipe(
        Stream.tap(() => Effect.sync(() => index.put(core(1, { title: String(index.resourceVersion) })))),
        Stream.runDrain,
        Effect.flip
      )
      assert.strictEqual(exit._tag, "ResourceVersionExpired")
    }))

  it.effect("ignores a change that changes nothing", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      index.put(core(1, { extra: ["a", { b: 1 }] }))
      const { resourceVersion } = index
      index.put(core(1, { extra: ["a", { b: 1 }] }))
      assert.strictEqual(index.resourceVersion, resourceVersion)
      index.put(core(1, { extra: ["a", { b: 2 }] }))
      assert.notStrictEqual(index.resourceVersion, resourceVersion)
      assert.strictEqual(index.list().cores[0]?.resourceVersion, index.resourceVersion)
    }))

  it.effect("sends changes to watches when they happen", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      index.put(core(1))
      const fiber = yield* follow(index, {}, 5)
      index.put(core(2))
      index.put(core(1, { size: 5 }))
      index.remove(core(2))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["ADDED 1", "BOOKMARK", "ADDED 2", "MODIFIED 1", "DELETED 2"])
    }))

  it.effect("resumes from every version in its log", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const versions = [index.resourceVersion]
      for (const pid of [1, 2, 3]) {
        index.put(core(pid))
        versions.push(index.resourceVersion)
      }
      for (const [seen, since] of versions.slice(0, 3).entries()) {
        const events = yield* index.changes({ since }).pipe(
          Stream.take(4 - seen),
          Stream.map(formatEvent),
          Stream.runCollect
        )
        assert.deepStrictEqual(events, ["BOOKMARK", ...["ADDED 1", "ADDED 2", "ADDED 3"].slice(seen)])
      }
    }))

  it.effect("expires versions of another index, future versions and invalid versions", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const other = yield* CoreIndex.make()
      other.put(core(1))
      const future = index.resourceVersion.replace(/-0$/, "-1")
      for (const since of [other.resourceVersion, future, "", "0", `${index.resourceVersion}x`]) {
        const error = yield* index.changes({ since }).pipe(Stream.runHead, Effect.flip)
        assert.strictEqual(error._tag, "ResourceVersionExpired", since)
      }
    }))

  it.effect("ends only the watch that falls too far behind", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxChanges: 10 })
      const old = index.resourceVersion
      for (let pid = 1; pid <= 30; pid++) index.put(core(pid))
      const recent = index.resourceVersion
      const fiber = yield* follow(index, { since: recent }, 1)
      index.put(core(31))
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["ADDED 31"])
      const error = yield* index.changes({ since: old }).pipe(Stream.runDrain, Effect.flip)
      assert.strictEqual(error._tag, "ResourceVersionExpired")
    }))

  it.effect("sends heartbeats when nothing happens", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const fiber = yield* follow(index, { since: index.resourceVersion }, 2)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(fiber), ["BOOKMARK", "BOOKMARK"])
    }))

  it.effect("sends heartbeats with the version of changes that the filter hides", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxChanges: 10 })
      const fiber = yield* index.changes({ since: index.resourceVersion, filter: { uid: [7] } }).pipe(
        Stream.drop(1),
        Stream.runHead,
        Effect.forkChild({ startImmediately: true })
      )
      for (let pid = 1; pid <= 5; pid++) index.put(core(pid))
      yield* TestClock.adjust("5 seconds")
      const event = yield* Effect.flatMap(Fiber.join(fiber), Effect.fromOption)
      assert.deepStrictEqual(event, { type: "BOOKMARK", object: { resourceVersion: index.resourceVersion } })
    }))

  it.effect("sends heartbeats on time while hidden changes continue", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const fiber = yield* index.changes({ since: index.resourceVersion, filter: { uid: [7] } }).pipe(
        Stream.drop(1),
        Stream.runHead,
        Effect.forkChild({ startImmediately: true })
      )
      for (let pid = 1; pid <= 5; pid++) {
        index.put(core(pid))
        yield* TestClock.adjust("1 second")
      }
      assert.isDefined(fiber.pollUnsafe())
    }))

  it.effect("sends ADDED when a core starts to match, and DELETED with its last matching state when it stops", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const since = index.resourceVersion
      index.put(core(1))
      index.put(core(1, { namespace: "shop" }))
      index.put(core(1, { namespace: "shop", size: 1 }))
      index.put(core(1, { namespace: "other" }))
      index.remove(core(1))
      index.put(core(2, { namespace: "shop" }))
      const events = yield* index.changes({ since, filter: { namespace: ["shop"] } }).pipe(
        Stream.drop(1),
        Stream.take(4),
        Stream.runCollect
      )
      assert.deepStrictEqual(events.map(formatEvent), ["ADDED 1", "MODIFIED 1", "DELETED 1", "ADDED 2"])
      const last = events[2]!.object
      assert.strictEqual("namespace" in last && last.namespace, "shop")
      const rest = yield* index.changes({ since: last.resourceVersion, filter: { namespace: ["shop"] } }).pipe(
        Stream.drop(1),
        Stream.take(1),
        Stream.map(formatEvent),
        Stream.runCollect
      )
      assert.deepStrictEqual(rest, ["ADDED 2"])
    }))

  it.effect("drops the oldest missing cores first, then the oldest cores, above its limit", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxCores: 3 })
      index.put(core(1))
      index.put(core(2, { state: "missing" }))
      for (const pid of [3, 4, 5]) index.put(core(pid))
      assert.deepStrictEqual(pids(index, { state: "any" }), [3, 4, 5])
      assert.strictEqual(index.evicted, 2)
    }))

  it.effect("removes missing cores that are too old", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      for (const pid of [1, 2, 3]) index.put(core(pid, { state: pid === 2 ? "present" : "missing" }))
      index.removeMissingBefore(noon + 3_000_000)
      assert.deepStrictEqual(pids(index, { state: "any" }), [2, 3])
    }))

  it.effect("continues after a page whose last core was removed", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      for (const pid of [1, 2, 3, 4]) index.put(core(pid))
      const page = index.list({ limit: 2 })
      index.remove(core(2))
      assert.deepStrictEqual(pids(index, { limit: 2, continue: page.continue! }), [3, 4])
    }))
})

const Change = Schema.Struct({
  pid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 5 }))),
  uid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 2 }))),
  isRemoved: Schema.Boolean
})

// Cluster server and clients rely on this.
it.effect.prop(
  "a list plus the events of a watch equals a later list",
  [Schema.Array(Change), Schema.Array(Change)],
  ([before, after]) =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const apply = (change: typeof Change.Type) =>
        change.isRemoved ? index.remove(core(change.pid)) : index.put(core(change.pid, { COREDUMP_UID: change.uid }))
      const filter = { uid: [1, 2] }
      for (const change of before) apply(change)
      const list = index.list(filter)
      const held = new Map(list.cores.map((core) => [core.id, core]))
      for (const change of after) apply(change)
      // A last matching change marks the end.
      index.put(core(99, { COREDUMP_UID: 1 }))
      yield* index.changes({ since: list.resourceVersion, filter }).pipe(
        Stream.tap(({ object, type }) =>
          Effect.sync(() => {
            if (type === "DELETED") held.delete((object as UnversionedCore).id)
            else if (type !== "BOOKMARK") held.set((object as UnversionedCore).id, object as never)
          })
        ),
        Stream.takeUntil(({ object }) => "COREDUMP_PID" in object && object.COREDUMP_PID === 99),
        Stream.runDrain
      )
      assert.sameDeepMembers([...held.values()], [...index.list(filter).cores])
    })
)
