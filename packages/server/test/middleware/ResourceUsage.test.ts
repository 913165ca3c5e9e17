import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Scope } from "effect"
import { makeResourceUsage, toUsageWarning } from "../../src/middleware/ResourceUsage.ts"

describe("toUsageWarning", () => {
  it.each(
    [
      [0, 10, undefined],
      [79, 100, undefined],
      [80, 100, "80 % of the limit for open files is in use."],
      [1639, 2048, "80 % of the limit for open files is in use."],
      [2048, 2048, "100 % of the limit for open files is in use."],
      [0, 0, undefined]
    ] as const
  )("%d of %d", (used, limit, expected) => {
    assert.strictEqual(toUsageWarning("open files", { used, limit }), expected)
  })
})

describe("ResourceUsage", () => {
  it.effect("warns about registered limits until their scope ends", () =>
    Effect.gen(function*() {
      const usage = makeResourceUsage()
      const scope = yield* Scope.make()
      let used = 1
      yield* Scope.provide(usage.register("open files", () => ({ used, limit: 10 })), scope)
      yield* usage.register("threads", () => ({ used: 9, limit: 10 }))
      assert.deepStrictEqual(yield* usage.warnings, ["90 % of the limit for threads is in use."])
      used = 8
      assert.deepStrictEqual(yield* usage.warnings, [
        "80 % of the limit for open files is in use.",
        "90 % of the limit for threads is in use."
      ])
      yield* Scope.close(scope, Exit.void)
      assert.deepStrictEqual(yield* usage.warnings, ["90 % of the limit for threads is in use."])
    }))
})
