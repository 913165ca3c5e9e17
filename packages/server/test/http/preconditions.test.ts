import { assert, describe, it } from "@effect/vitest"
import { evaluatePreconditions, type RequestHeaders } from "../../src/http/preconditions.ts"

const modified = "Tue, 14 Nov 2023 22:13:20 GMT"
const before = "Tue, 14 Nov 2023 22:13:19 GMT"
const after = "Tue, 14 Nov 2023 22:13:21 GMT"

// Within the same second: HTTP dates have no fractions.
const file = { size: 10, etag: "\"a\"", lastModified: Date.parse(modified) + 123 }
const part = { start: 2, end: 4 }
const range = "bytes=2-3"

const cases: ReadonlyArray<readonly [RequestHeaders, ReturnType<typeof evaluatePreconditions>]> = [
  [{}, "none"],
  [{ range }, part],

  [{ "if-match": "\"a\"" }, "none"],
  [{ "if-match": "*" }, "none"],
  [{ "if-match": "\"x\", \"a\"" }, "none"],
  [{ "if-match": "\"x\"" }, "precondition-failed"],
  [{ "if-match": "" }, "precondition-failed"],
  // Strong comparison.
  [{ "if-match": "W/\"a\"" }, "precondition-failed"],
  [{ "if-match": "\"a\"", "range": range }, part],

  [{ "if-unmodified-since": modified }, "none"],
  [{ "if-unmodified-since": after }, "none"],
  [{ "if-unmodified-since": before }, "precondition-failed"],
  [{ "if-unmodified-since": "yesterday" }, "none"],
  // If-Match has precedence.
  [{ "if-match": "\"a\"", "if-unmodified-since": before }, "none"],

  [{ "if-none-match": "\"a\"" }, "not-modified"],
  [{ "if-none-match": "*" }, "not-modified"],
  [{ "if-none-match": "\"x\", \"a\"" }, "not-modified"],
  // Weak comparison.
  [{ "if-none-match": "W/\"a\"" }, "not-modified"],
  [{ "if-none-match": "\"x\"" }, "none"],
  [{ "if-none-match": "\"a,\"" }, "none"],
  [{ "if-none-match": "\"a\"", "range": range }, "not-modified"],

  [{ "if-modified-since": modified }, "not-modified"],
  [{ "if-modified-since": after }, "not-modified"],
  [{ "if-modified-since": before }, "none"],
  [{ "if-modified-since": "2023-11-14T22:13:20Z" }, "none"],
  // If-None-Match has precedence.
  [{ "if-none-match": "\"x\"", "if-modified-since": modified }, "none"],

  // A failed precondition has precedence over "not modified".
  [{ "if-match": "\"x\"", "if-none-match": "\"a\"" }, "precondition-failed"],

  [{ "if-range": "\"a\"", range }, part],
  [{ "if-range": "\"x\"", range }, "none"],
  [{ "if-range": "W/\"a\"", range }, "none"],
  [{ "if-range": modified, range }, part],
  [{ "if-range": before, range }, "none"],
  [{ "if-range": after, range }, "none"],
  [{ "if-range": "nonsense", range }, "none"],
  [{ "if-range": "\"a\"" }, "none"],
  // If-Range is evaluated before the range.
  [{ "if-range": "\"x\"", range: "bytes=10-" }, "none"],
  [{ "if-range": "\"a\"", range: "bytes=10-" }, "unsatisfiable"],
  [{ "if-none-match": "\"a\"", range: "bytes=10-" }, "not-modified"]
]

describe("evaluatePreconditions", () => {
  it.each(cases)("%j", (headers, expected) => {
    assert.deepStrictEqual(evaluatePreconditions(headers, file), expected)
  })
})
