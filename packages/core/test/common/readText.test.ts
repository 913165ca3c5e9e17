import { assert, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { readText } from "../../src/common/readText.ts"

const encode = (text: string) => new TextEncoder().encode(text)

it.effect.each(
  [
    [4, { text: "1234", isTruncated: false }],
    [3, { text: "1234", isTruncated: true }],
    [2, { text: "1234", isTruncated: true }],
    [1, { text: "12", isTruncated: true }]
  ] as const
)("readText stops after the chunk that exceeds the limit: %i bytes", ([maxBytes, expected]) =>
  Effect.gen(function*() {
    const chunks = Stream.make(encode("12"), encode("34"))
    assert.deepStrictEqual(yield* readText(chunks, maxBytes), expected)
  }))

it.effect("readText joins the bytes of a character", () =>
  Effect.gen(function*() {
    const [first, second] = encode("é")
    const chunks = Stream.make(Uint8Array.of(first!), Uint8Array.of(second!))
    assert.deepStrictEqual(yield* readText(chunks, 10), { text: "é", isTruncated: false })
  }))
