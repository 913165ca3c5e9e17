import { assert, describe, it } from "@effect/vitest"
import { CoreSource, type CoreSummary } from "@koredump/core"
import { type FakeRule, FakeRules } from "@koredump/core/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { authorized, layers, nodeViewer, putAll, viewer } from "./fixtures.ts"
import { act, formatEvent, put, removeCore, setRules, watch } from "./observeWatch.ts"

describe("a watch with permission for some namespaces", () => {
  it.effect("shows the current cores and their changes, but no hidden cores", () =>
    Effect.gen(function*() {
      yield* putAll
      const { outcome, takeEvents } = yield* watch()
      assert.deepStrictEqual(takeEvents(), ["ADDED a"])
      const a = yield* put("a", { pid: 11 })
      const b = yield* put("b", { pid: 12 })
      yield* put("host", { pid: 13 })
      yield* put("pending", { pid: 14 })
      yield* put("a", { pid: 11, fields: { title: "changed" } })
      yield* put("b", { pid: 12, fields: { title: "changed" } })
      yield* removeCore(a)
      yield* removeCore(b)
      assert.deepStrictEqual(takeEvents(), ["ADDED a", "MODIFIED a", "DELETED a"])
      assert.isUndefined(outcome())
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("shows a core as ADDED when its namespace becomes known", () =>
    Effect.gen(function*() {
      const { takeEvents } = yield* watch()
      yield* put("pending", { pid: 1 })
      yield* put("pending", { pid: 2 })
      assert.deepStrictEqual(takeEvents(), [])
      yield* put("pending", { pid: 1, fields: { namespace: "a" } })
      yield* put("pending", { pid: 2, fields: { namespace: "b" } })
      yield* put("pending", { pid: 1, fields: { namespace: "a", pod: "web-0" } })
      assert.deepStrictEqual(takeEvents(), ["ADDED pending", "MODIFIED pending"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("shows a core as DELETED, in its last visible state, when it moves to a hidden namespace", () =>
    Effect.gen(function*() {
      const { events, takeEvents } = yield* watch()
      yield* put("a", { pid: 1, fields: { title: "ours" } })
      yield* put("a", { pid: 1, fields: { title: "theirs", namespace: "b" } })
      assert.deepStrictEqual(takeEvents(), ["ADDED a", "DELETED a"])
      const last = events.at(-1)!.object as CoreSummary
      assert.strictEqual(last["title"], "ours")
      const { resourceVersion } = yield* (yield* CoreSource).list({})
      assert.strictEqual(last.resourceVersion.split("~")[0], resourceVersion)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("shows cores as DELETED within 2 seconds after the permission is withdrawn, and sends no further events of them", () =>
    Effect.gen(function*() {
      yield* putAll
      const { outcome, takeEvents } = yield* watch()
      assert.deepStrictEqual(takeEvents(), ["ADDED a", "ADDED b"])
      yield* setRules(viewer("b"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(takeEvents(), ["DELETED a"])
      yield* put("a", { pid: 21 })
      yield* put("b", { pid: 22 })
      assert.deepStrictEqual(takeEvents(), ["ADDED b"])
      yield* TestClock.adjust("1 hour")
      assert.deepStrictEqual(takeEvents(), [])
      assert.isUndefined(outcome())
    }).pipe(Effect.provide(layers([viewer("a"), viewer("b")]))))

  it.effect("shows cores as ADDED when permission is granted, and sends concurrent changes exactly once", () =>
    Effect.gen(function*() {
      yield* putAll
      const { takeEvents } = yield* watch()
      assert.deepStrictEqual(takeEvents(), ["ADDED a"])
      yield* setRules(viewer("a"), viewer("b"))
      yield* put("b", { pid: 31 })
      yield* put("a", { pid: 32 })
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(takeEvents().toSorted(), ["ADDED a", "ADDED b", "ADDED b"])
      yield* setRules(viewer(), nodeViewer)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(takeEvents().toSorted(), ["ADDED host", "ADDED pending"])
      yield* setRules()
      yield* TestClock.adjust("10 seconds")
      assert.lengthOf(takeEvents().filter((line) => line.startsWith("DELETED")), 6)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("resumes from a list and shows the changes since then", () =>
    Effect.gen(function*() {
      yield* putAll
      const source = yield* authorized()
      const { resourceVersion: since } = yield* source.list({})
      yield* put("a", { pid: 1, fields: { title: "changed" } })
      yield* put("pending", { pid: 4, fields: { namespace: "a" } })
      const gone = yield* put("a", { pid: 41 })
      yield* removeCore(gone)
      const { takeEvents } = yield* watch({ since })
      assert.deepStrictEqual(takeEvents(), ["MODIFIED a", "ADDED pending", "ADDED a", "DELETED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("resumes from a list and shows that the last core has left its namespace", () =>
    Effect.gen(function*() {
      yield* put("a", { pid: 1 })
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      yield* put("a", { pid: 1, fields: { namespace: "b" } })
      assert.deepStrictEqual((yield* watch({ since })).takeEvents(), ["DELETED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("resumes from a list and shows the listed cores as DELETED when permission is withdrawn", () =>
    Effect.gen(function*() {
      yield* putAll
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      const { takeEvents } = yield* watch({ since })
      yield* put("b", { pid: 51 })
      assert.deepStrictEqual(takeEvents(), ["ADDED b"])
      yield* setRules(viewer("a"))
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(takeEvents(), ["DELETED b", "DELETED b"])
    }).pipe(Effect.provide(layers([viewer("a"), viewer("b")]))))

  const changes: ReadonlyArray<readonly [string, ReadonlyArray<FakeRule>, ReadonlyArray<FakeRule>]> = [
    ["permission for a namespace was granted", [viewer("a")], [viewer("a"), viewer("b")]],
    ["permission for a namespace was withdrawn", [viewer("a"), viewer("b")], [viewer("a")]],
    ["all permissions were withdrawn", [viewer("a")], []],
    ["permission changed to another namespace", [viewer("a")], [viewer("b")]],
    ["permission for the cores of nodes was granted", [viewer("a")], [viewer("a"), nodeViewer]],
    ["permission for the cores of nodes was withdrawn", [viewer("a"), nodeViewer], [viewer("a")]],
    ["all permissions were granted", [viewer("a")], [viewer(), nodeViewer]],
    ["all permissions except for one namespace were withdrawn", [viewer(), nodeViewer], [viewer("a")]],
    ["permission for all namespaces was granted", [viewer("a")], [viewer()]],
    ["permission for all namespaces was reduced to one", [viewer()], [viewer("a")]],
    ["permission for the cores of nodes was withdrawn from a caller who could see all cores", [viewer(), nodeViewer], [
      viewer()
    ]]
  ]
  it.effect.each(changes)("expires a version if since then %s", ([, before, after]) =>
    Effect.gen(function*() {
      yield* putAll
      const list = yield* (yield* authorized()).list({})
      const { events } = yield* watch()
      const versions = [list.resourceVersion, events.at(-1)!.object.resourceVersion]
      const same = yield* Effect.forEach(versions, (since) => watch({ since }))
      for (const { outcome } of same) assert.isUndefined(outcome())
      yield* setRules(...after)
      for (const since of versions) assert.strictEqual((yield* watch({ since })).outcome(), "ResourceVersionExpired")
    }).pipe(Effect.provide(layers(before))))

  it.effect("resumes when a namespace got its first core or lost its last one", () =>
    Effect.gen(function*() {
      const gone = yield* put("a", { pid: 1 })
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      yield* put("b", { pid: 2 })
      yield* removeCore(gone)
      assert.deepStrictEqual((yield* watch({ since })).takeEvents(), ["ADDED b", "DELETED a"])
    }).pipe(Effect.provide(layers([viewer("a"), viewer("b")]))))

  it.effect("resumes without a check when there are too many namespaces for a version", () =>
    Effect.gen(function*() {
      const names = Array.from({ length: 30 }, (_, i) => `n${i}-${"x".repeat(50)}`)
      for (const [pid, namespace] of names.entries()) yield* put("a", { pid: pid + 1, fields: { namespace } })
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      assert.isBelow(since.length, 100)
      yield* put("a", { pid: 2, fields: { namespace: names[1]!, title: "changed" } })
      assert.deepStrictEqual((yield* watch({ since })).takeEvents(), ["MODIFIED a"])
    }).pipe(Effect.provide(layers(Array.from({ length: 30 }, (_, i) => viewer(`n${i}-${"x".repeat(50)}`))))))

  it.effect("expires if permissions change before the watch has caught up", () =>
    Effect.gen(function*() {
      const { resourceVersion: since } = yield* (yield* authorized()).list({})
      // The filter hides the last change, so only a heartbeat shows that the watch has received everything.
      yield* put("a", { pid: 1 })
      yield* put("b", { pid: 2 })
      const early = yield* watch({ since, filter: { comm: ["a"] } })
      yield* setRules()
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(early.outcome(), "ResourceVersionExpired")

      yield* setRules(viewer("a"))
      const late = yield* watch({ since, filter: { comm: ["a"] } })
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(late.takeEvents(), ["ADDED a"])
      yield* setRules()
      yield* TestClock.adjust("2 seconds")
      assert.deepStrictEqual(late.takeEvents(), ["DELETED a"])
      assert.isUndefined(late.outcome())
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("sends heartbeats while only hidden cores change", () =>
    Effect.gen(function*() {
      const { events } = yield* watch()
      let before = events.length
      for (let i = 0; i < 60; i++) {
        yield* put("b", { pid: 1, fields: { title: String(i) } })
        yield* TestClock.adjust("1 second")
        if (i % 5 !== 4) continue
        assert.isAbove(events.length, before)
        before = events.length
      }
      assert.isTrue(events.every(({ type }) => type === "BOOKMARK"))
      // A watch that resumes from the heartbeat misses nothing.
      const last = events.at(-1)!.object.resourceVersion
      yield* put("a", { pid: 2 })
      assert.deepStrictEqual((yield* watch({ since: last })).takeEvents(), ["ADDED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("fails if all namespaces of the filter are forbidden", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* watch({ filter: { namespace: ["b"] } })).outcome(), "Forbidden")
      const { outcome, takeEvents } = yield* watch({ filter: { namespace: ["a", "b"] } })
      yield* act(putAll)
      assert.deepStrictEqual(takeEvents(), ["ADDED a"])
      assert.isUndefined(outcome())
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect("shows nothing without permission, until permission is granted", () =>
    Effect.gen(function*() {
      yield* putAll
      const { outcome, events, takeEvents } = yield* watch()
      assert.deepStrictEqual(events.map(formatEvent), ["BOOKMARK"])
      yield* setRules(viewer("a"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(takeEvents(), ["ADDED a"])
      assert.isUndefined(outcome())
    }).pipe(Effect.provide(layers())))

  it.effect("checks each namespace once, then visible ones every 2 seconds and hidden ones every 10 seconds", () =>
    Effect.gen(function*() {
      for (let pid = 1; pid <= 20; pid++) yield* put(pid % 2 === 0 ? "a" : "b", { pid })
      const { takeEvents } = yield* watch()
      takeEvents()
      const fake = yield* FakeRules
      const count = (namespace: string) =>
        Effect.map(fake.reviews, (reviews) => reviews.filter((review) => review.namespace === namespace).length)
      assert.deepStrictEqual([yield* count("a"), yield* count("b")], [1, 1])
      yield* TestClock.adjust("20 seconds")
      assert.deepStrictEqual([yield* count("a"), yield* count("b")], [11, 3])
    }).pipe(Effect.provide(layers([viewer("a")]))))
})
