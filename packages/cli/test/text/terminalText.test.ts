import { assert, describe, it } from "@effect/vitest"
import { displayWidth, padEnd, padStart, truncate } from "../../src/text/terminalText.ts"

describe("displayWidth, truncate, padEnd and padStart", () => {
  it("count columns, not characters", () => {
    assert.strictEqual(displayWidth("日本"), 4)
    assert.strictEqual(truncate("abcdef", 4), "abc…")
    assert.strictEqual(truncate("abcd", 4), "abcd")
    assert.strictEqual(truncate("日本語", 4), "日…")
    assert.strictEqual(padEnd("日", 4), "日  ")
    assert.strictEqual(padStart("7", 3), "  7")
  })
})
