import { assert, describe, it } from "@effect/vitest"
import {
  escapeInQuotes,
  hasHidden,
  pad,
  padLeft,
  plural,
  shellQuoted,
  truncate,
  visible,
  widthOf
} from "../../src/text/escape.ts"

describe("visible", () => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["plain kwörker 日本 🎉", "plain kwörker 日本 🎉"],
    ["\u001b[31mred\u001b]0;title\u0007", "\\x1b[31mred\\x1b]0;title\\x07"],
    ["a\nb\tc\rd", "a\\nb\\tc\\rd"],
    ["\u007f\u0080\u009b31m\u00ad", "\\x7f\\x80\\x9b31m\\xad"],
    ["\u202etxt.exe\u2066\u200b\ufeff", "\\u202etxt.exe\\u2066\\u200b\\ufeff"],
    ["\u2028\u2029", "\\u2028\\u2029"],
    ["\ud800lone", "\\ud800lone"],
    ["", ""]
  ]
  for (const [given, expected] of cases) {
    it(expected, () => {
      assert.strictEqual(visible(given), expected)
      assert.isFalse(hasHidden(visible(given)))
    })
  }
})

describe("escapeInQuotes", () => {
  it("keeps the value of JSON", () => {
    const value = { name: "a\u009bb\u202e\u007f\u2028\n", nested: ["\u0000"] }
    const text = escapeInQuotes(JSON.stringify(value, undefined, 2))
    assert.isFalse(hasHidden(text))
    assert.deepStrictEqual(JSON.parse(text), value)
  })
})

describe("truncate and pad", () => {
  it("count columns, not characters", () => {
    assert.strictEqual(widthOf("日本"), 4)
    assert.strictEqual(truncate("abcdef", 4), "abc…")
    assert.strictEqual(truncate("abcd", 4), "abcd")
    assert.strictEqual(truncate("日本語", 4), "日…")
    assert.strictEqual(pad("日", 4), "日  ")
    assert.strictEqual(padLeft("7", 3), "  7")
  })
})

describe("plural", () => {
  it("counts", () => {
    assert.deepStrictEqual([0, 1, 2].map((n) => plural(n, "core")), ["0 cores", "1 core", "2 cores"])
    assert.strictEqual(plural(2, "crash", "crashes"), "2 crashes")
  })
})

describe("shellQuoted", () => {
  it("quotes what a shell would act upon", () => {
    assert.strictEqual(shellQuoted("/usr/bin/prog-1.2"), "/usr/bin/prog-1.2")
    assert.strictEqual(shellQuoted("web server"), "'web server'")
    assert.strictEqual(shellQuoted("it's $(x)"), `'it'\\''s $(x)'`)
    assert.strictEqual(shellQuoted("core.web\\x20server"), `'core.web\\x20server'`)
  })
})
