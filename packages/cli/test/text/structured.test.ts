import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { parse } from "yaml"
import { hasHidden } from "../../src/text/escape.ts"
import { formatJson, formatNdjson, formatYaml } from "../../src/text/structured.ts"
import { core } from "../fixtures.ts"

const hostile = {
  plain: "demo",
  colors: "\u001b[31m\u009b\u202e\u007f\u2028",
  lines: "one\ntwo\n",
  hostileLines: "one\n\u001b[2Jtwo",
  ambiguous: ["yes", "0123", "1e3", "null", "~", "2022-02-23T08:23:16Z", "- a: b # c", ""],
  nested: { number: 1, flag: true, nothing: null }
}

const pieces = [
  "\u001b[2J",
  "\u001b]0;t\u0007",
  "\u009b31m",
  "\r",
  "\n",
  "\n\n",
  "\t",
  "\u0000",
  "\u0085",
  "\u202e",
  "\u2066",
  "\u200b",
  "\u200d",
  "\ufe0f",
  "\ufeff",
  "\u{e0041}",
  "\u{e007f}",
  "\u{e0100}",
  "\u3164",
  "\u2028",
  "a",
  " ",
  "日",
  "🎉",
  "'",
  "\"",
  "\\",
  ": ",
  " #",
  "- ",
  "%",
  "---\n"
] as const

const Text = Schema.Array(Schema.Literals(pieces))

describe("JSON and YAML of any text", () => {
  it.effect.prop("keep the value, without hidden characters", [Text, Text], ([keys, values]) =>
    Effect.gen(function*() {
      const text = values.join("")
      const value = { [keys.join("").slice(0, 100)]: [text, { text }], end: text }
      const json = formatJson(value)
      assert.deepStrictEqual(JSON.parse(json), value)
      // With the line end that printing adds.
      const yaml = `${yield* formatYaml(value)}\n`
      assert.deepStrictEqual(parse(yaml), value)
      assert.deepStrictEqual(parse(yaml, { version: "1.1" }), value)
      for (const output of [json, yaml]) assert.isFalse(hasHidden(output))
    }))
})

describe("formatJson", () => {
  it("keeps the value, without hidden characters", () => {
    assert.deepStrictEqual(JSON.parse(formatJson(hostile)), hostile)
    assert.isFalse(hasHidden(formatJson(hostile)))
  })
})

describe("formatNdjson", () => {
  it("prints one value per line", () => {
    const lines = formatNdjson([core(), core({ COREDUMP_CMDLINE: "a\nb" })]).split("\n")
    assert.strictEqual(lines.length, 2)
    assert.strictEqual(JSON.parse(lines[1]!).COREDUMP_CMDLINE, "a\nb")
  })
})

describe("formatYaml", () => {
  it.effect("keeps the value in YAML 1.1 and 1.2", () =>
    Effect.gen(function*() {
      const text = yield* formatYaml(hostile)
      assert.isFalse(hasHidden(text))
      assert.deepStrictEqual(parse(text), hostile)
      assert.deepStrictEqual(parse(text, { version: "1.1" }), hostile)
    }))

  it.effect("prints multi-line text as a block", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* formatYaml({ MESSAGE: "one\ntwo" }), "MESSAGE: |-\n  one\n  two")
    }))
})
