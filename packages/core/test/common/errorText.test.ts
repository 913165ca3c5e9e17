import { assert, describe, it } from "@effect/vitest"
import { errorCode, toSingleLine } from "@koredump/core"

describe("toSingleLine", () => {
  it.each<[string, string, string]>([
    ["short", "no such host", "no such host"],
    ["several lines, control characters", "  a\r\n\tb\u0007\u202ec\n", "a b c"],
    ["invisible characters", "a\u{e0041}\u200b\u3164b\ufe0f", "a b"],
    ["too long", "x".repeat(300), `${"x".repeat(19)}…`],
    ["exactly as long", "x".repeat(20), "x".repeat(20)],
    ["longer by space alone", `x${" ".repeat(300)}y`, "x"]
  ])("shortens text: %s", (_, text, expected) => assert.strictEqual(toSingleLine(text, 20), expected))
})

const coded = (code: unknown) => Object.assign(new Error("failed"), { code })

describe("errorCode", () => {
  it.each<[string, unknown, string | undefined]>([
    ["of the error", coded("ECONNREFUSED"), "ECONNREFUSED"],
    ["of the cause", new TypeError("fetch failed", { cause: coded("ENOTFOUND") }), "ENOTFOUND"],
    ["of the first of several", new AggregateError([coded("ETIMEDOUT"), coded("EPIPE")]), "ETIMEDOUT"],
    ["of an error without code", new Error("failed"), undefined],
    ["of an error with an invalid code", coded("not a code\n"), undefined],
    ["of an error with a numeric code", coded(5), undefined],
    ["of a value that is no error", "ECONNREFUSED", undefined]
  ])("finds the code %s", (_, error, expected) => assert.strictEqual(errorCode(error), expected))

  it("stops at circular causes", () => {
    const error: { cause?: unknown } = {}
    error.cause = error
    assert.isUndefined(errorCode(error))
  })
})
