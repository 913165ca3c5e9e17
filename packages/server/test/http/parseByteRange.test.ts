import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parseByteRange } from "../../src/http/parseByteRange.ts"

describe("parseByteRange", () => {
  it.each([
    [undefined, 10, "none"],
    ["bytes=0-9", 10, { start: 0, end: 10 }],
    ["bytes=2-3", 10, { start: 2, end: 4 }],
    ["Bytes=2-3", 10, { start: 2, end: 4 }],
    ["bytes=9-9", 10, { start: 9, end: 10 }],
    ["bytes=5-", 10, { start: 5, end: 10 }],
    ["bytes=5-99", 10, { start: 5, end: 10 }],
    ["bytes=-3", 10, { start: 7, end: 10 }],
    ["bytes=-99", 10, { start: 0, end: 10 }],
    ["bytes=10-", 10, "unsatisfiable"],
    ["bytes=10-20", 10, "unsatisfiable"],
    ["bytes=-0", 10, "unsatisfiable"],
    ["bytes=0-", 0, "unsatisfiable"],
    ["bytes=-1", 0, "unsatisfiable"],
    ["bytes=5-99999999999999999999", 10, { start: 5, end: 10 }],
    // Malformed, several, or of another unit: ignored.
    ["bytes=3-2", 10, "none"],
    ["bytes=0-1,3-4", 10, "none"],
    ["bytes=-", 10, "none"],
    ["bytes=", 10, "none"],
    ["bytes=a-b", 10, "none"],
    ["bytes=1.5-3", 10, "none"],
    ["bytes=+1-3", 10, "none"],
    ["bytes=0x1-3", 10, "none"],
    ["lines=0-1", 10, "none"],
    ["bytes 0-1", 10, "none"],
    [`bytes=0-${"9".repeat(400)}`, 10, "none"]
  ])("%s of %i bytes", (header, size, expected) => {
    assert.deepStrictEqual(parseByteRange(header, size), expected)
  })

  const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

  it.prop(
    "returns the part of the range that is in the file",
    [Size, Size, Size],
    ([first, last, size]) => {
      const decision = parseByteRange(`bytes=${first}-${last}`, size)
      if (last < first) return assert.strictEqual(decision, "none")
      if (first >= size) return assert.strictEqual(decision, "unsatisfiable")
      assert.deepStrictEqual(decision, { start: first, end: Math.min(last, size - 1) + 1 })
    }
  )

  it.prop("returns the end of the file for a suffix", [Size, Size], ([length, size]) => {
    const decision = parseByteRange(`bytes=-${length}`, size)
    if (length === 0 || size === 0) return assert.strictEqual(decision, "unsatisfiable")
    assert.deepStrictEqual(decision, { start: Math.max(size - length, 0), end: size })
  })

  it.prop("returns a range in the file, or a decision, for any header", [Schema.String, Size], ([header, size]) => {
    const decision = parseByteRange(header, size)
    if (typeof decision === "string") return
    assert.isTrue(0 <= decision.start && decision.start < decision.end && decision.end <= size)
  })
})
