import { assert, it } from "@effect/vitest"
import { isBearerToken } from "@koredump/core"

it("bearer tokens have at most 8,192 characters", () => {
  assert.isTrue(isBearerToken("x".repeat(12_288)))
  assert.isFalse(isBearerToken("x".repeat(12_289)))
})
