import { assert, describe, it } from "@effect/vitest"
import { type ChangesOptions, watchCores } from "@koredump/core"
import type { FakeRule } from "@koredump/core/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { authorized, layers, nodeViewer, putAll, viewer } from "./fixtures.ts"
import { observe, put, setRules, setUnavailable, watch } from "./observeWatch.ts"

describe("a watch with permission for all cores or all pods", () => {
  it.effect.each<[string, ReadonlyArray<FakeRule>, ReadonlyArray<string>, ChangesOptions]>([
    ["all cores", [viewer(), nodeViewer], ["ADDED a", "ADDED b", "ADDED host", "ADDED pending"], {}],
    ["the cores of all pods", [viewer()], ["ADDED a", "ADDED b", "ADDED pending"], {}],
    ["the cores of one namespace", [viewer()], ["ADDED a"], { filter: { namespace: ["a"] } }]
  ])("shows %s, and expires when permission is withdrawn", ([, rules, expected, options]) =>
    Effect.gen(function*() {
      yield* setRules(...rules)
      yield* putAll
      const { outcome, takeEvents } = yield* watch(options)
      assert.deepStrictEqual(takeEvents().toSorted(), expected)
      yield* put("a", { pid: 1, fields: { title: "changed" } })
      assert.deepStrictEqual(takeEvents(), ["MODIFIED a"])
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(outcome())
      yield* setRules(viewer("a"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(outcome(), "ResourceVersionExpired")
      yield* put("a", { pid: 61 })
      assert.deepStrictEqual(takeEvents(), [])
    }).pipe(Effect.provide(layers())))

  it.effect("sends the difference to a client that reconnects after permissions changed", () =>
    Effect.gen(function*() {
      yield* putAll
      const source = yield* authorized()
      const { outcome, takeEvents } = yield* observe(watchCores(source))
      assert.lengthOf(takeEvents(), 4)
      yield* setRules(viewer("a"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(takeEvents().toSorted(), ["DELETED b", "DELETED host", "DELETED pending"])
      yield* setRules(viewer("a"), nodeViewer)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(takeEvents(), ["ADDED host"])
      assert.isUndefined(outcome())
    }).pipe(Effect.provide(layers([viewer(), nodeViewer]))))

  it.effect("shows a core of the node as soon as it turns out to be of a pod", () =>
    Effect.gen(function*() {
      const { takeEvents } = yield* watch()
      yield* put("host", { pid: 1 })
      yield* put("host", { pid: 1, fields: { namespace: "a" } })
      yield* put("host", { pid: 1, fields: { namespace: "a", title: "changed" } })
      yield* put("host", { pid: 1 })
      assert.deepStrictEqual(takeEvents(), ["ADDED host", "MODIFIED host", "DELETED host"])
    }).pipe(Effect.provide(layers([viewer()]))))
})

describe("a watch while the authorizer is unavailable", () => {
  it.effect.each<[string, ReadonlyArray<FakeRule>]>([
    ["of one namespace", [viewer("a")]],
    ["of all cores", [viewer(), nodeViewer]]
  ])("%s continues after 4 seconds, and fails with NotReady after 12 seconds", ([, rules]) =>
    Effect.gen(function*() {
      yield* setRules(...rules)
      yield* putAll
      const { outcome, takeEvents } = yield* watch()
      takeEvents()
      yield* setUnavailable(true)
      yield* TestClock.adjust("4 seconds")
      yield* setUnavailable(false)
      yield* TestClock.adjust("10 seconds")
      yield* put("a", { pid: 71 })
      assert.deepStrictEqual(takeEvents(), ["ADDED a"])
      assert.isUndefined(outcome())
      yield* setUnavailable(true)
      yield* TestClock.adjust("12 seconds")
      assert.strictEqual(outcome(), "NotReady")
    }).pipe(Effect.provide(layers())))

  it.effect("fails with NotReady if the authorizer does not respond", () =>
    Effect.gen(function*() {
      let silent = false
      const source = yield* authorized({
        authorizer: { isAllowed: () => Effect.suspend(() => silent ? Effect.never : Effect.succeed(true)) }
      })
      const { outcome } = yield* observe(source.changes())
      silent = true
      yield* TestClock.adjust("11 seconds")
      assert.isUndefined(outcome())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(outcome(), "NotReady")
    }).pipe(Effect.provide(layers())))

  it.effect("shows nothing before access is decided", () =>
    Effect.gen(function*() {
      const { takeEvents } = yield* watch()
      yield* setUnavailable(true)
      yield* put("a", { pid: 1 })
      assert.deepStrictEqual(takeEvents(), [])
      yield* setUnavailable(false)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(takeEvents(), ["ADDED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))
})
