import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { decideRange } from "../../src/http/byteRange.ts"

describe("decideRange", () => {
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
    // Malformed, several, or of another unit: as if there were none.
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
    assert.deepStrictEqual(decideRange(header, size), expected)
  })

  const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }))

  it.prop(
    "a range lies within the file, and is the part that was asked for",
    [Size, Size, Size],
    ([first, last, size]) => {
      const decision = decideRange(`bytes=${first}-${last}`, size)
      if (last < first) return assert.strictEqual(decision, "none")
      if (first >= size) return assert.strictEqual(decision, "unsatisfiable")
      assert.deepStrictEqual(decision, { start: first, end: Math.min(last, size - 1) + 1 })
    }
  )

  it.prop("a suffix is the end of the file", [Size, Size], ([length, size]) => {
    const decision = decideRange(`bytes=-${length}`, size)
    if (length === 0 || size === 0) return assert.strictEqual(decision, "unsatisfiable")
    assert.deepStrictEqual(decision, { start: Math.max(size - length, 0), end: size })
  })

  it.prop("whatever the header holds, it is one of the three", [Schema.String, Size], ([header, size]) => {
    const decision = decideRange(header, size)
    if (typeof decision === "string") return
    assert.isTrue(0 <= decision.start && decision.start < decision.end && decision.end <= size)
  })
})
