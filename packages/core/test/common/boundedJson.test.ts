import { assert, describe, it } from "@effect/vitest"
import { type JsonLimits, parseBoundedJson, parseJsonLines, readBoundedJson } from "@koredump/core"
import { Effect, Result, Schema, Stream } from "effect"

const limits: JsonLimits = { maxBytes: 1024 * 1024, maxDepth: 16, maxElements: 1000 }
const encoder = new TextEncoder()

const parse = (text: string, changed: Partial<JsonLimits> = {}) => parseBoundedJson(text, { ...limits, ...changed })
const reason = (text: string, changed: Partial<JsonLimits> = {}) =>
  Result.match(parse(text, changed), { onFailure: ({ reason }) => reason, onSuccess: () => undefined })

const message = (text: string) => Result.getOrThrow(Result.flip(parse(text))).message

const depthOf = (value: unknown): number =>
  typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
const countOf = (value: unknown): number =>
  typeof value === "object" && value !== null
    ? 1 + Object.values(value).reduce((sum: number, part) => sum + countOf(part), 0)
    : 1

/** Parts of JSON and of what is almost JSON. */
const Piece = Schema.Literals([..."[]{},:\"\\ \n0e-1tx\u0000é", "true", "null", "\\u0022", "\"a\"", "1e999", "{\"a\":"])

/** A stream of the bytes in pieces of this size. */
const inPieces = (text: string, size: number) => {
  const bytes = encoder.encode(text)
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size))
  return Stream.fromIterable(pieces)
}

describe("parseBoundedJson", () => {
  it.prop("parses what JSON.parse parses", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value)
    const parsed = parse(text, { maxDepth: 1000, maxElements: 1_000_000 })
    assert.deepStrictEqual(Result.getOrThrow(parsed), JSON.parse(text))
    assert.deepStrictEqual(
      parseBoundedJson(encoder.encode(text), { ...limits, maxDepth: 1000, maxElements: 1_000_000 }),
      parsed
    )
  })

  it.prop("accepts no text that JSON.parse rejects, and never throws", [Schema.Array(Piece)], ([pieces]) => {
    const text = pieces.join("")
    let expected: unknown
    let isJson = true
    try {
      expected = JSON.parse(text)
    } catch {
      isJson = false
    }
    const parsed = parse(text)
    assert.strictEqual(Result.isSuccess(parsed), isJson)
    if (Result.isSuccess(parsed)) assert.deepStrictEqual(parsed.success, expected)
  })

  it.prop("counts at least the levels and values that JSON.parse creates", [Schema.Json], ([value]) => {
    const text = JSON.stringify(value)
    const [depth, count] = [depthOf(value), countOf(value)]
    if (depth > 0) assert.strictEqual(reason(text, { maxDepth: depth - 1, maxElements: 1_000_000 }), "depth")
    assert.strictEqual(reason(text, { maxDepth: depth, maxElements: 1_000_000 }), undefined)
    if (count > 1) assert.strictEqual(reason(text, { maxDepth: 1000, maxElements: count - 1 }), "elements")
  })

  it.each<[string, string, string | undefined]>([
    ["brackets in strings", JSON.stringify("[{,".repeat(2000)), undefined],
    ["escaped quotes in strings", JSON.stringify("\"[\\\"".repeat(2000)), undefined],
    ["a backslash before the end of a string", `["\\\\",[]]`, undefined],
    ["nesting at the limit", "[".repeat(16) + "]".repeat(16), undefined],
    ["nesting above the limit", "[".repeat(17) + "]".repeat(17), "depth"],
    ["nesting that never ends", "[".repeat(1_000_000), "depth"],
    ["nested objects", "{\"a\":".repeat(17) + "1" + "}".repeat(17), "depth"],
    ["many empty strings", JSON.stringify(Array(1001).fill("")), "elements"],
    ["many empty objects", `[${"{},".repeat(1001)}{}]`, "elements"],
    ["many duplicate keys", `{${"\"a\":1,".repeat(1001)}"a":1}`, "elements"],
    ["closing brackets first", "]".repeat(100) + "[".repeat(100), "syntax"],
    ["a number with 400 digits", "9".repeat(400), undefined],
    ["a number beyond the range", "1e999999", undefined],
    ["a web page", "<html>", "syntax"],
    ["nothing", "", "syntax"]
  ])("%s", (_, text, expected) => assert.strictEqual(reason(text), expected))

  it("limits bytes, not characters", () => {
    assert.strictEqual(reason("\"ab\"", { maxBytes: 4 }), undefined)
    assert.strictEqual(reason("\"é\"", { maxBytes: 3 }), "bytes")
    assert.strictEqual(reason("\"€€\"", { maxBytes: 7 }), "bytes")
    assert.strictEqual(reason("\"€€\"", { maxBytes: 8 }), undefined)
  })

  it("limits the values in the outermost array or object", () => {
    const inner = `[${"1,".repeat(50)}1]`
    assert.strictEqual(reason(`{"a":1,"b":${inner},"c":3}`, { maxFields: 3 }), undefined)
    assert.strictEqual(reason(`{"a":1,"b":${inner},"c":3}`, { maxFields: 2 }), "fields")
    assert.strictEqual(reason("[1,2,3]", { maxFields: 2 }), "fields")
  })

  it("says which limit is exceeded", () => {
    assert.strictEqual(message("x".repeat(1024 * 1024 + 1)), "more than 1048576 bytes")
    assert.strictEqual(message("[".repeat(17)), "nesting deeper than 16 levels")
    assert.strictEqual(message(",".repeat(1000)), "more than 1000 values")
    assert.strictEqual(message("nonsense"), "invalid JSON")
    const fields = Result.getOrThrow(Result.flip(parse("[1,2]", { maxFields: 1 })))
    assert.strictEqual(fields.message, "more than 1 fields")
  })
})

/** A body that never ends, and the number of bytes that were read of it. */
const makeEndless = (text: string) => {
  const state = { bytes: 0 }
  const chunk = encoder.encode(text)
  const body = Stream.map(Stream.forever(Stream.succeed(chunk)), (chunk) => {
    state.bytes += chunk.length
    return chunk
  })
  return { body, state }
}

describe("readBoundedJson", () => {
  it.effect("parses a body in pieces of any size", () =>
    Effect.gen(function*() {
      const value = { text: "\"[é€\\", list: [1, { a: [] }] }
      for (const size of [1, 2, 3, 1000]) {
        assert.deepStrictEqual(yield* readBoundedJson(inPieces(JSON.stringify(value), size), limits), value)
      }
      const large = Array.from({ length: 900 }, (_, i) => String(i).repeat(100))
      assert.deepStrictEqual(yield* readBoundedJson(inPieces(JSON.stringify(large), 1000), limits), large)
    }))

  it.effect.each([["bytes", "x".repeat(1024)], ["depth", "[[[["], ["elements", "[],"]])(
    "stops reading at the limit: %s",
    ([expected, text]) =>
      Effect.gen(function*() {
        const { body, state } = makeEndless(text!)
        assert.strictEqual((yield* Effect.flip(readBoundedJson(body, limits))).reason, expected)
        assert.isAtMost(state.bytes, limits.maxBytes + 1024)
      })
  )

  it.effect("reads nothing of a body that is announced as too long", () =>
    Effect.gen(function*() {
      const { body, state } = makeEndless("x")
      assert.strictEqual((yield* Effect.flip(readBoundedJson(body, limits, "1048577"))).reason, "bytes")
      assert.strictEqual(state.bytes, 0)
      for (const length of ["1048576", "2", "nonsense", ""]) {
        assert.deepStrictEqual(yield* readBoundedJson(inPieces("{}", 2), limits, length), {})
      }
    }))

  it.effect("reports the beginning of what is not JSON", () =>
    Effect.gen(function*() {
      const refused = yield* Effect.flip(readBoundedJson(inPieces("<html>".repeat(10_000), 100), limits))
      assert.strictEqual(refused.reason, "syntax")
      assert.match(refused.excerpt!, /^<html>/)
      assert.strictEqual(refused.excerpt!.length, 1024)
    }))
})

const lines = (body: Stream.Stream<Uint8Array>, changed: Partial<JsonLimits> = {}) =>
  body.pipe(
    parseJsonLines({ ...limits, ...changed }),
    Stream.map(Result.match({ onFailure: ({ reason }) => reason as unknown, onSuccess: (value) => value })),
    Stream.runCollect
  )

describe("parseJsonLines", () => {
  it.effect("parses lines in pieces of any size", () =>
    Effect.gen(function*() {
      for (const size of [1, 2, 3, 5, 1000]) {
        assert.deepStrictEqual(yield* lines(inPieces("{\"a\":1}\r\n\n\r\n[\"é\"]\n2", size)), [{ a: 1 }, ["é"], 2])
      }
    }))

  it.effect("limits each line", () =>
    Effect.gen(function*() {
      const line = `${JSON.stringify("x".repeat(98))}\n`
      assert.strictEqual((yield* lines(inPieces(line.repeat(50), 7), { maxBytes: 100 })).length, 50)
      assert.deepStrictEqual(yield* lines(inPieces(line, 7), { maxBytes: 99 }), ["bytes"])
      assert.strictEqual((yield* lines(inPieces("[1,2,3]\n".repeat(50), 7), { maxElements: 4 })).length, 50)
      assert.deepStrictEqual(yield* lines(inPieces("[1,2,3]\n", 7), { maxElements: 3 }), ["elements"])
    }))

  it.effect("ignores what follows a refused line", () =>
    Effect.gen(function*() {
      for (const size of [1, 1000]) {
        assert.deepStrictEqual(yield* lines(inPieces("1\nnonsense\n2\n3", size)), [1, "syntax"])
        assert.deepStrictEqual(yield* lines(inPieces(`1\n${"[".repeat(20)}\n2`, size)), [1, "depth"])
      }
    }))

  it.effect("fails like the body, also within a line", () =>
    Effect.gen(function*() {
      const body = Stream.concat(inPieces("1\n[2,", 100), Stream.fail("lost"))
      assert.strictEqual(yield* Effect.flip(Stream.runDrain(parseJsonLines(limits)(body))), "lost")
    }))

  it.effect("refuses a line that never ends, without keeping more than the limit", () =>
    Effect.gen(function*() {
      const { body, state } = makeEndless("\"".padEnd(1024, "x"))
      const first = yield* body.pipe(parseJsonLines(limits), Stream.runHead)
      assert.strictEqual(first._tag, "Some")
      assert.isAtMost(state.bytes, limits.maxBytes + 1024)
    }))
})
