import { assert, describe, it } from "@effect/vitest"
import { type ChangesOptions, watchCores } from "@koredump/core"
import type { FakeRule } from "@koredump/core/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { authorized, layers, nodeViewer, putAll, viewer } from "./authorized.ts"
import { away, observe, put, set, watch } from "./watched.ts"

describe("a watch of everything", () => {
  it.effect.each<[string, ReadonlyArray<FakeRule>, ReadonlyArray<string>, ChangesOptions]>([
    ["all", [viewer(), nodeViewer], ["ADDED a", "ADDED b", "ADDED host", "ADDED pending"], {}],
    ["the cores of all pods", [viewer()], ["ADDED a", "ADDED b", "ADDED pending"], {}],
    ["a namespace, by the right to all", [viewer()], ["ADDED a"], { filter: { namespace: ["a"] } }]
  ])("%s: a right that is withdrawn ends it", ([, rules, expected, options]) =>
    Effect.gen(function*() {
      yield* set(...rules)
      yield* putAll
      const { end, told } = yield* watch(options)
      assert.deepStrictEqual((yield* told).toSorted(), expected)
      yield* put("a", { pid: 1, fields: { title: "changed" } })
      assert.deepStrictEqual(yield* told, ["MODIFIED a"])
      yield* TestClock.adjust("1 hour")
      assert.isUndefined(end())
      yield* set(viewer("a"))
      yield* TestClock.adjust("2 seconds")
      assert.strictEqual(end(), "ResourceVersionExpired")
      yield* put("a", { pid: 61 })
      assert.deepStrictEqual(yield* told, [])
    }).pipe(Effect.provide(layers())))

  it.effect("a client that goes on is told the difference", () =>
    Effect.gen(function*() {
      yield* putAll
      const source = yield* authorized()
      const { end, told } = yield* observe(watchCores(source))
      assert.lengthOf(yield* told, 4)
      yield* set(viewer("a"))
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual((yield* told).toSorted(), ["DELETED b", "DELETED host", "DELETED pending"])
      yield* set(viewer("a"), nodeViewer)
      yield* TestClock.adjust("30 seconds")
      assert.deepStrictEqual(yield* told, ["ADDED host"])
      assert.isUndefined(end())
    }).pipe(Effect.provide(layers([viewer(), nodeViewer]))))

  it.effect("a core that turns out to be a pod's enters the view of who may see pods'", () =>
    Effect.gen(function*() {
      const { told } = yield* watch()
      yield* put("host", { pid: 1 })
      yield* put("host", { pid: 1, fields: { namespace: "a" } })
      yield* put("host", { pid: 1, fields: { namespace: "a", title: "changed" } })
      yield* put("host", { pid: 1 })
      assert.deepStrictEqual(yield* told, ["ADDED host", "MODIFIED host", "DELETED host"])
    }).pipe(Effect.provide(layers([viewer()]))))
})

describe("a watch whose authorizer is away", () => {
  it.effect.each<[string, ReadonlyArray<FakeRule>]>([
    ["by namespace", [viewer("a")]],
    ["of everything", [viewer(), nodeViewer]]
  ])("%s: goes on after a moment, ends with NotReady after longer", ([, rules]) =>
    Effect.gen(function*() {
      yield* set(...rules)
      yield* putAll
      const { end, told } = yield* watch()
      yield* told
      yield* away(true)
      yield* TestClock.adjust("4 seconds")
      yield* away(false)
      yield* TestClock.adjust("10 seconds")
      yield* put("a", { pid: 71 })
      assert.deepStrictEqual(yield* told, ["ADDED a"])
      assert.isUndefined(end())
      yield* away(true)
      yield* TestClock.adjust("12 seconds")
      assert.strictEqual(end(), "NotReady")
    }).pipe(Effect.provide(layers())))

  it.effect("ends as well where there is no answer at all", () =>
    Effect.gen(function*() {
      let silent = false
      const source = yield* authorized({
        authorizer: { isAllowed: () => Effect.suspend(() => silent ? Effect.never : Effect.succeed(true)) }
      })
      const { end } = yield* observe(source.changes())
      silent = true
      yield* TestClock.adjust("11 seconds")
      assert.isUndefined(end())
      yield* TestClock.adjust("1 second")
      assert.strictEqual(end(), "NotReady")
    }).pipe(Effect.provide(layers())))

  it.effect("shows nothing that is not decided", () =>
    Effect.gen(function*() {
      const { told } = yield* watch()
      yield* away(true)
      yield* put("a", { pid: 1 })
      assert.deepStrictEqual(yield* told, [])
      yield* away(false)
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* told, ["ADDED a"])
    }).pipe(Effect.provide(layers([viewer("a")]))))
})
