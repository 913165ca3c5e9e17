import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AccessDecisions } from "../../src/access/AccessDecisions.ts"

describe("Rights", () => {
  it.effect("keep no more refusals than so many, and what is allowed", () =>
    Effect.gen(function*() {
      let asked = 0
      const rights = new AccessDecisions(({ namespace }) =>
        Effect.sync(() => {
          asked += 1
          return namespace === "a"
        })
      )
      yield* rights.decideNamespaces(["a"])
      for (let i = 0; i < 25; i++) {
        yield* rights.decideNamespaces(Array.from({ length: 1000 }, (_, n) => `other-${i}-${n}`))
      }
      asked = 0
      assert.deepStrictEqual(yield* rights.review("all"), [])
      assert.isAtMost(asked, 10_000)
      assert.isTrue(rights.allowsNamespace("a"))
      assert.isFalse(rights.allowsNamespace("other-0-0"))
    }))
})
