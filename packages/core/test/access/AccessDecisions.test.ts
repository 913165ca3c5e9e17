import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AccessDecisions } from "../../src/access/AccessDecisions.ts"

describe("AccessDecisions", () => {
  it.effect("limits the number of stored denials, and keeps what is allowed", () =>
    Effect.gen(function*() {
      let requests = 0
      const decisions = new AccessDecisions(({ namespace }) =>
        Effect.sync(() => {
          requests += 1
          return namespace === "a"
        })
      )
      yield* decisions.decideNamespaces(["a"])
      for (let i = 0; i < 25; i++) {
        yield* decisions.decideNamespaces(Array.from({ length: 1000 }, (_, n) => `other-${i}-${n}`))
      }
      requests = 0
      assert.deepStrictEqual(yield* decisions.recheck("all"), [])
      assert.isAbove(requests, 1)
      assert.isAtMost(requests, 10_000)
      assert.isTrue(decisions.allowsNamespace("a"))
      assert.isFalse(decisions.allowsNamespace("other-0-0"))
    }))
})
