import { assert, describe, it } from "@effect/vitest"
import { formatCount, toSentence, withoutPeriod } from "../../src/text/sentence.ts"

describe("formatCount", () => {
  it("uses the singular for one", () => {
    assert.deepStrictEqual([0, 1, 2].map((n) => formatCount(n, "core")), ["0 cores", "1 core", "2 cores"])
    assert.strictEqual(formatCount(2, "crash", "crashes"), "2 crashes")
  })
})

describe("toSentence and withoutPeriod", () => {
  it("add and remove the period", () => {
    assert.strictEqual(toSentence("the file is gone"), "The file is gone.")
    assert.strictEqual(toSentence("The file is gone."), "The file is gone.")
    assert.strictEqual(toSentence("http://x answered 500"), "http://x answered 500.")
    assert.strictEqual(toSentence("kernel.core_pattern is empty"), "kernel.core_pattern is empty.")
    assert.strictEqual(withoutPeriod("The file is gone."), "The file is gone")
  })
})
