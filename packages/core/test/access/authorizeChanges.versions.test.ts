import { assert, describe, it } from "@effect/vitest"
import { CoreSource } from "@koredump/core"
import { FakeRules } from "@koredump/core/testing"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { authorized, layers, putAll, viewer } from "./fixtures.ts"
import { put, removeCore, setRules, watch } from "./observeWatch.ts"

/** Names that no namespace has, as many as fit into a version with this number of characters. */
const makeNames = (length: number) =>
  Array.from({ length: Math.floor((length + 1) / 5) }, (_, i) => i.toString(36).padStart(4, "x")).join(",")

/** The requests to the authorizer that a watch from this version causes, and how the watch ends. */
const resume = Effect.fnUntraced(function*(since: string) {
  const fake = yield* FakeRules
  const before = (yield* fake.reviews).length
  const { outcome } = yield* watch({ since })
  return { outcome: outcome(), reviews: (yield* fake.reviews).slice(before) }
})

describe("a watch from a version with made-up namespaces", () => {
  it.effect.each(["l", "w"])("does not decide on them (%s)", (verb) =>
    Effect.gen(function*() {
      yield* putAll
      const { resourceVersion } = yield* (yield* CoreSource).list({})
      const { outcome, reviews } = yield* resume(`${resourceVersion}~${verb}a,${makeNames(990)}`)
      assert.isUndefined(outcome)
      const namespaces = new Set(reviews.map(({ namespace }) => namespace))
      assert.deepStrictEqual(namespaces, new Set(["a", "b", undefined]))
      assert.isAtMost(reviews.length, 8)
    }).pipe(Effect.provide(layers([viewer("a")]))))

  it.effect.each([1000, 4000, 19_500])(
    "expires with more characters than the server writes (%d)",
    (length) =>
      Effect.gen(function*() {
        yield* putAll
        const { resourceVersion } = yield* (yield* CoreSource).list({})
        const { outcome, reviews } = yield* resume(`${resourceVersion}~wa,b,${makeNames(length)}`)
        assert.strictEqual(outcome, "ResourceVersionExpired")
        assert.isAtMost(reviews.length, 4)
      }).pipe(Effect.provide(layers([viewer("a")])))
  )

  it.effect.each([1000, 4000])(
    "expires for a caller who sees everything, without a decision on them (%d)",
    (length) =>
      Effect.gen(function*() {
        yield* putAll
        const { resourceVersion } = yield* (yield* CoreSource).list({})
        const { outcome, reviews } = yield* resume(`${resourceVersion}~w${makeNames(length)}`)
        assert.strictEqual(outcome, "ResourceVersionExpired")
        assert.isAtMost(reviews.length, 4)
      }).pipe(Effect.provide(layers([viewer(), { verbs: ["list", "watch"], resources: ["nodecoredumps"] }])))
  )
})

describe("a watch from a version with a namespace that has lost its last core", () => {
  it.effect.each(["removed", "moved"])("expires if the permission was withdrawn (%s)", (how) =>
    Effect.gen(function*() {
      yield* put("a", { pid: 1 })
      const last = yield* put("b", { pid: 2 })
      const list = yield* (yield* authorized()).list({})
      const running = yield* watch()
      const versions = [list.resourceVersion, running.events.at(-1)!.object.resourceVersion]
      yield* how === "removed" ? removeCore(last) : put("b", { pid: 2, fields: { namespace: "a" } })
      yield* setRules(viewer("a"))
      for (const since of versions) assert.strictEqual((yield* watch({ since })).outcome(), "ResourceVersionExpired")
    }).pipe(Effect.provide(layers([viewer("a"), viewer("b")]))))

  it.effect("does not expire if the namespace gets a core again, without permission", () =>
    Effect.gen(function*() {
      const last = yield* put("b", { pid: 2 })
      yield* removeCore(last)
      const { resourceVersion } = yield* (yield* CoreSource).list({})
      const { outcome, takeEvents } = yield* watch({ since: `${resourceVersion}~wa,b` })
      yield* TestClock.adjust("5 seconds")
      yield* put("b", { pid: 3 })
      yield* put("a", { pid: 4 })
      assert.deepStrictEqual(takeEvents(), ["ADDED a"])
      assert.isUndefined(outcome())
    }).pipe(Effect.provide(layers([viewer("a")]))))
})
