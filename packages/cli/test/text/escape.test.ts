import { assert, describe, it } from "@effect/vitest"
import { escapeHidden, escapeInJson, escapeInYaml, hasHidden, quoteForShell } from "../../src/text/escape.ts"

describe("escapeHidden", () => {
  const cases: ReadonlyArray<readonly [string, string]> = [
    ["plain kwörker 日本 🎉", "plain kwörker 日本 🎉"],
    ["\u001b[31mred\u001b]0;title\u0007", "\\x1b[31mred\\x1b]0;title\\x07"],
    ["a\nb\tc\rd", "a\\nb\\tc\\rd"],
    ["\u007f\u0080\u009b31m\u00ad", "\\x7f\\x80\\x9b31m\\xad"],
    ["\u202etxt.exe\u2066\u200b\ufeff", "\\u202etxt.exe\\u2066\\u200b\\ufeff"],
    ["\u2028\u2029", "\\u2028\\u2029"],
    ["\ud800lone", "\\ud800lone"],
    ["a\u{e0041}\ufe0f\u3164", "a\\u{e0041}\\ufe0f\\u3164"],
    ["", ""]
  ]
  for (const [given, expected] of cases) {
    it(expected, () => {
      assert.strictEqual(escapeHidden(given), expected)
      assert.isFalse(hasHidden(escapeHidden(given)))
    })
  }
})

describe("escapeInJson", () => {
  it("keeps the value", () => {
    const value = { name: "a\u009bb\u202e\u007f\u2028\u{e0041}\ud800\n", nested: ["\u0000"] }
    const text = escapeInJson(JSON.stringify(value, undefined, 2))
    assert.isFalse(hasHidden(text))
    assert.deepStrictEqual(JSON.parse(text), value)
    assert.strictEqual(escapeInJson("\u{e0041}"), "\\udb40\\udc41")
  })
})

describe("escapeInYaml", () => {
  it("has no pairs of surrogates, which YAML does not know", () => {
    assert.strictEqual(escapeInYaml("\u{e0041}\u202e"), "\\U000e0041\\u202e")
  })
})

describe("quoteForShell", () => {
  it("quotes characters that a shell interprets", () => {
    assert.strictEqual(quoteForShell("/usr/bin/prog-1.2"), "/usr/bin/prog-1.2")
    assert.strictEqual(quoteForShell("web server"), "'web server'")
    assert.strictEqual(quoteForShell("it's $(x)"), `'it'\\''s $(x)'`)
    assert.strictEqual(quoteForShell("core.web\\x20server"), `'core.web\\x20server'`)
  })

  it.each(["\u001b[2J", "a\nb", "\u{e0041}", "\u200b", "a\\'; id #", "a\\\\", "\\"])("has no word for %j", (text) => {
    assert.isUndefined(quoteForShell(text))
  })
})
