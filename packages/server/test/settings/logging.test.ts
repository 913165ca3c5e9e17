import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger } from "effect"
import { stripVTControlCharacters } from "node:util"
import { formatJson, formatPretty } from "../../src/settings/logging.ts"

const hostile = "core.\u001b[2Ja\nINFO (#1): forged\r\u009b31m\u2028\u202e\u200b\u{e0041}\u007f\ud800"
const escaped =
  "core.\\u001b[2Ja\\u000aINFO (#1): forged\\u000d\\u009b31m\\u2028\\u202e\\u200b\\udb40\\udc41\\u007f\\ud800"

const print = (format: Logger.Logger<unknown, string>) => {
  const lines: Array<string> = []
  return Effect.gen(function*() {
    yield* Effect.logWarning("Invalid file in the coredump directory").pipe(
      Effect.annotateLogs({ file: hostile, files: [hostile], count: 3, absent: undefined })
    )
    yield* Effect.catchCause(Effect.die(new Error(hostile)), (cause) => Effect.logError("Request failed", cause))
    return lines
  }).pipe(Effect.provide(Logger.layer([Logger.map(format, (line) => lines.push(line))])))
}

describe("text from crashed programs in the log", () => {
  it.effect("cannot control the terminal or add lines, as pretty text", () =>
    Effect.gen(function*() {
      const [file, failure] = (yield* print(formatPretty)).map((text) => stripVTControlCharacters(text).split("\n"))
      assert.match(file![0]!, /^\[\d\d:\d\d:\d\d\.\d{3}\] WARN \(#\d+\): Invalid file in the coredump directory$/)
      assert.strictEqual(file![1], `  file: ${escaped}`)
      assert.include(file![2], "INFO (#1): forged")
      assert.deepStrictEqual(file!.slice(3), ["  count: 3", "  absent: undefined"])
      assert.match(failure![0]!, /ERROR \(#\d+\): Request failed$/)
      for (const line of [...file!.slice(1), ...failure!.slice(1)]) {
        assert.match(line, /^ {2}[^\p{C}\p{Zl}\p{Zp}]*$/u)
      }
    }))

  it.effect("is a JSON string with the same value", () =>
    Effect.gen(function*() {
      for (const line of yield* print(formatJson)) assert.match(line, /^\{[^\p{C}\p{Zl}\p{Zp}]*\}$/u)
      const [line] = yield* print(formatJson)
      const { annotations } = JSON.parse(line!) as { readonly annotations: Record<string, unknown> }
      assert.strictEqual(annotations["file"], hostile)
      assert.deepStrictEqual(annotations["files"], [hostile])
    }))
})
