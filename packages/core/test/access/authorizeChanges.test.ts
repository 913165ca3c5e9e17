import { assert, describe, it } from "@effect/vitest"
import { CoreSource, type CoreSummary } from "@koredump/core"
import { FakeCores, type FakeRule, FakeRules } from "@koredump/core/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { authorized, layers, nodeViewer, putAll, viewer } from "./authorized.ts"
import { put, set, text, watch } from "./watched.ts"

describe("a watch by namespace", () => {
  it.effect("shows what is there, then what happens, and nothing of others", () =>
    Effect.gen(function*() {
      yield* putAll
      const { end, told } = yield* watch()
      assert.deepStrictEqual(yield* told, ["ADDED a"])
      const a = yield* put("a", { pid: 11 })
      const b = yield* put("b", { pid: 12 })
      yield* put("host", { pid: 13 })
      yield* put("pending", { pid: 14 })
      yield* put("a", { pid: 11, fields: { title: "changed" } })
      yield* put("b", { pid: 12, fields: { title: "changed" } })
      const fake = yield* FakeCores
      yield* fake.forget(a)
      yield* fake.forget(b)
      assert.deepStrictEqual(yield* told, ["ADDED a", "MODIFIED a", "DELETED a"])
      assert.isUndefined(end())
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("a core whose namespace comes later is ADDED then", () =>
    Effect.gen(function*() {
      const { told } = yield* watch()
      yield* put("pending", { pid: 1 })
      yield* put("pending", { pid: 2 })
      assert.deepStrictEqual(yield* told, [])
      yield* put("pending", { pid: 1, fields: { namespace: "a" } })
      yield* put("pending", { pid: 2, fields: { namespace: "b" } })
      yield* put("pending", { pid: 1, fields: { namespace: "a", pod: "web-0" } })
      assert.deepStrictEqual(yield* told, ["ADDED pending", "MODIFIED pending"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("a core that leaves for another namespace is DELETED, as it was last shown", () =>
    Effect.gen(function*() {
      const { events, told } = yield* watch()
      yield* put("a", { pid: 1, fields: { title: "ours" } })
      yield* put("a", { pid: 1, fields: { title: "theirs", namespace: "b" } })
      assert.deepStrictEqual(yield* told, ["ADDED a", "DELETED a"])
      const last = events.at(-1)!.object as CoreSummary
      assert.strictEqual(last["title"], "ours")
      const { resourceVersion } = yield* (yield* CoreSource).list({})
      assert.strictEqual(last.resourceVersion.split("~")[0], resourceVersion)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("what is withdrawn is DELETED within the time, and nothing more of it comes", () =>
    Effect.gen(function*() {
      yield* putAll
      const { end, told } = yield* watch()
      assert.deepStrictEqual(yield* told, ["ADDED a", "ADDED b"])
      yield* set(viewer("b"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* told, ["DELETED a"])
      yield* put("a", { pid: 21 })
      yield* put("b", { pid: 22 })
      assert.deepStrictEqual(yield* told, ["ADDED b"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(yield* told, [])
      assert.isUndefined(end())
    }).pipe(Effect.provide(layers([viewer("a"), viewer("b")]))))

  it.effect("what is granted is ADDED, and what happened meanwhile is neither lost nor told twice", () =>
    Effect.gen(function*() {
      yield* putAll
      const { told } = yield* watch()
      assert.deepStrictEqual(yield* told, ["ADDED a"])
      yield* set(viewer("a"), viewer("b"))
      yield* put("b", { pid: 31 })
      yield* put("a", { pid: 32 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual((yield* told).toSorted(), ["ADDED a", "ADDED b", "ADDED b"])
      yield* set(viewer(), nodeViewer)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual((yield* told).toSorted(), ["ADDED host", "ADDED pending"])
      yield* set()
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf((yield* told).filter((line) => line.startsWith("DELETED")), 6)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("goes on from a list: what came since is told as what it was to the watcher", () =>
    Effect.gen(function*() {
      yield* putAll
      const source = yield* authorized()
      const { resourceVersion: since } = yield* source.list({})
      const fake = yield* FakeCores
      yield* put("a", { pid: 1, fields: { title: "changed" } })
      yield* put("pending", { pid: 4, fields: { namespace: "a" } })
      const gone = yield* put("a", { pid: 41 })
      yield* fake.forget(gone)
      const { told } = yield* watch({ since })
      assert.deepStrictEqual(yield* told, ["MODIFIED a", "ADDED pending", "ADDED a", "DELETED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("one that goes on from a list is told of the last core of a namespace that leaves it", () =>
    Effect.gen(function*() {
      yield* put("a", { pid: 1 })
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      yield* put("a", { pid: 1, fields: { namespace: "b" } })
      assert.deepStrictEqual(yield* (yield* watch({ since })).told, ["DELETED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("one that goes on from a list knows what is shown when it is withdrawn", () =>
    Effect.gen(function*() {
      yield* putAll
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      const { told } = yield* watch({ since })
      yield* put("b", { pid: 51 })
      assert.deepStrictEqual(yield* told, ["ADDED b"])
      yield* set(viewer("a"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* told, ["DELETED b", "DELETED b"])
    }).pipe(Effect.provide(layers([viewer("a"), viewer("b")]))))

  const changes: ReadonlyArray<readonly [string, ReadonlyArray<FakeRule>, ReadonlyArray<FakeRule>]> = [
    ["a namespace was granted", [viewer("a")], [viewer("a"), viewer("b")]],
    ["a namespace was withdrawn", [viewer("a"), viewer("b")], [viewer("a")]],
    ["all were withdrawn", [viewer("a")], []],
    ["one was exchanged for another", [viewer("a")], [viewer("b")]],
    ["the cores of nodes were granted", [viewer("a")], [viewer("a"), nodeViewer]],
    ["the cores of nodes were withdrawn", [viewer("a"), nodeViewer], [viewer("a")]],
    ["everything was granted", [viewer("a")], [viewer(), nodeViewer]],
    ["everything was withdrawn but a namespace", [viewer(), nodeViewer], [viewer("a")]],
    ["all namespaces were granted", [viewer("a")], [viewer()]],
    ["all namespaces were withdrawn but one", [viewer()], [viewer("a")]],
    ["all namespaces and the nodes were, then the nodes no more", [viewer(), nodeViewer], [viewer()]]
  ]
  it.effect.each(changes)("lists again where, while it was away, %s", ([, before, after]) =>
    Effect.gen(function*() {
      yield* putAll
      const list = yield* (yield* authorized()).list({})
      const { events } = yield* watch()
      const versions = [list.resourceVersion, events.at(-1)!.object.resourceVersion]
      const same = yield* Effect.forEach(versions, (since) => watch({ since }))
      for (const { end } of same) assert.isUndefined(end())
      yield* set(...after)
      for (const since of versions) assert.strictEqual((yield* watch({ since })).end(), "ResourceVersionExpired")
    }).pipe(Effect.provide(layers(before))))

  it.effect("goes on where a namespace has got its first core, or lost its last", () =>
    Effect.gen(function*() {
      const gone = yield* put("a", { pid: 1 })
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      yield* put("b", { pid: 2 })
      yield* FakeCores.use((fake) => fake.forget(gone))
      assert.deepStrictEqual(yield* (yield* watch({ since })).told, ["ADDED b", "DELETED a"])
    }).pipe(Effect.provide(layers([viewer("a"), viewer("b")]))))

  it.effect("goes on, unchecked, where there are too many namespaces to remember", () =>
    Effect.gen(function*() {
      const names = Array.from({ length: 30 }, (_, i) => `n${i}-${"x".repeat(50)}`)
      for (const [pid, namespace] of names.entries()) yield* put("a", { pid: pid + 1, fields: { namespace } })
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      assert.isBelow(since.length, 100)
      yield* put("a", { pid: 2, fields: { namespace: names[1]!, title: "changed" } })
      assert.deepStrictEqual(yield* (yield* watch({ since })).told, ["MODIFIED a"])
    }).pipe(Effect.provide(layers(Array.from({ length: 30 }, (_, i) => viewer(`n${i}-${"x".repeat(50)}`))))))

  it.effect("one that is still behind when rights change lists again", () =>
    Effect.gen(function*() {
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      // A change at the end that its filter hides: whether it has heard of everything only a heartbeat can tell.
      yield* put("a", { pid: 1 })
      yield* put("b", { pid: 2 })
      const early = yield* watch({ since, filter: { comm: ["a"] } })
      yield* set()
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(early.end(), "ResourceVersionExpired")

      yield* set(viewer("a"))
      const late = yield* watch({ since, filter: { comm: ["a"] } })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* late.told, ["ADDED a"])
      yield* set()
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(yield* late.told, ["DELETED a"])
      assert.isUndefined(late.end())
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("hears at least every 30 seconds that nothing was missed, however much is hidden", () =>
    Effect.gen(function*() {
      const { events } = yield* watch()
      let before = events.length
      for (let i = 0; i < 60; i++) {
        yield* put("b", { pid: 1, fields: { title: String(i) } })
        yield* TestClock.adjust("1 second")
        if (i % 15 !== 14) continue
        assert.isAbove(events.length, before)
        before = events.length
      }
      assert.isTrue(events.every(({ type }) => type === "BOOKMARK"))
      // From there on nothing is missed.
      const last = events.at(-1)!.object.resourceVersion
      yield* put("a", { pid: 2 })
      assert.deepStrictEqual(yield* (yield* watch({ since: last })).told, ["ADDED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("is refused where all its namespaces are", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* watch({ filter: { namespace: ["b"] } })).end(), "Forbidden")
      const { end, told } = yield* watch({ filter: { namespace: ["a", "b"] } })
      yield* putAll
      assert.deepStrictEqual(yield* told, ["ADDED a"])
      assert.isUndefined(end())
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("without any right says nothing, for now", () =>
    Effect.gen(function*() {
      yield* putAll
      const { end, events, told } = yield* watch()
      assert.deepStrictEqual(events.map(text), ["BOOKMARK"])
      yield* set(viewer("a"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* told, ["ADDED a"])
      assert.isUndefined(end())
    }).pipe(Effect.provide(layers())))

  it.effect("asks about what is shown often, about what is hidden less often, about each namespace once", () =>
    Effect.gen(function*() {
      for (let pid = 1; pid <= 20; pid++) yield* put(pid % 2 === 0 ? "a" : "b", { pid })
      const { told } = yield* watch()
      yield* told
      const fake = yield* FakeRules
      const count = (namespace: string) =>
        Effect.map(fake.reviews, (reviews) => reviews.filter((review) => review.namespace === namespace).length)
      assert.deepStrictEqual([yield* count("a"), yield* count("b")], [1, 1])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([yield* count("a"), yield* count("b")], [11, 3])
    }).pipe(Effect.provide(layers([viewer("a")]))))
})
