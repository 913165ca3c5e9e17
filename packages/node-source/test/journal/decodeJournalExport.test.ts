import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema, Stream } from "effect"
import { decodeJournalExport, JournalExportParser, type RawEntry } from "../../src/journal/decodeJournalExport.ts"
import { fixtureBytes, fixtureCases, fixtureEntries, fixtureText, parseAll, rawText } from "../support/fixtures.ts"

const limits = { fieldBytes: 64, entryBytes: 256 }
const toBytes = (text: string) => new TextEncoder().encode(text)
const text = (entry: RawEntry) => Object.fromEntries([...entry.keys()].map((name) => [name, rawText(entry, name)]))

const binary = (name: string, value: Uint8Array, length = value.length) => {
  const head = toBytes(`${name}\n`)
  const bytes = new Uint8Array(head.length + 8 + value.length + 1)
  bytes.set(head)
  new DataView(bytes.buffer).setBigUint64(head.length, BigInt(length), true)
  bytes.set(value, head.length + 8)
  bytes[bytes.length - 1] = 10
  return bytes
}

const join = (...parts: ReadonlyArray<Uint8Array>) => new Uint8Array(Buffer.concat(parts))

const parse = (bytes: Uint8Array, chunk = bytes.length) => {
  const parser = new JournalExportParser(limits)
  const entries: Array<RawEntry> = []
  for (let at = 0; at < bytes.length; at += chunk) entries.push(...parser.push(bytes.slice(at, at + chunk)))
  parser.end()
  return entries.map(text)
}

describe("JournalExportParser", () => {
  it("parses real entries to the same values as the JSON output of journalctl", () => {
    const expected = fixtureText("journal.json").trim().split("\n").map((line) => JSON.parse(line))
    assert.strictEqual(fixtureEntries.length, fixtureCases.size)
    for (const [i, entry] of fixtureEntries.entries()) {
      for (const [name, value] of Object.entries<string | Array<number>>(expected[i])) {
        const bytes = typeof value === "string" ? toBytes(value) : Uint8Array.from(value)
        assert.deepStrictEqual([...entry.get(name)!], [...bytes], name)
      }
    }
  })

  it.prop("parses the same entries for any chunk sizes", [
    Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 20_000 }))))
  ], ([lengths]) => {
    const bytes = fixtureBytes("journal.export")
    const parser = new JournalExportParser({ fieldBytes: 1 << 20, entryBytes: 4 << 20 })
    const entries: Array<RawEntry> = []
    let at = 0
    for (const length of lengths) {
      entries.push(...parser.push(bytes.slice(at, at + length)))
      at += length
    }
    entries.push(...parser.push(bytes.slice(at)))
    parser.end()
    assert.deepStrictEqual(entries.map(text), parseAll(bytes).map(text))
  })

  it("skips values above the limit and continues after them", () => {
    const large = new Uint8Array(1000).fill(10)
    const input = join(
      toBytes(`A=1\nLINE=${"x".repeat(1000)}\nB=2\n`),
      binary("BINARY", large),
      toBytes("C=3\n\nD=4\n\n")
    )
    for (const chunk of [input.length, 1, 7, 100]) {
      assert.deepStrictEqual(parse(input, chunk), [{ A: "1", B: "2", C: "3" }, { D: "4" }])
    }
  })

  it("limits all values of an entry together", () => {
    const input = toBytes(Array.from({ length: 10 }, (_, i) => `F${i}=${"x".repeat(60)}\n`).join("") + "\n")
    assert.deepStrictEqual(parse(input).map((entry) => Object.keys(entry)), [["F0", "F1", "F2", "F3"]])
  })

  it("keeps the first value of a field, values with =, and empty values", () => {
    assert.deepStrictEqual(parse(toBytes("A=x=y\nA=2\nE=\n\n\n\n")), [{ A: "x=y", E: "" }])
    assert.deepStrictEqual(parse(join(binary("B", toBytes("a\nb")), toBytes("\n"))), [{ B: "a\nb" }])
  })

  it.each<readonly [string, Uint8Array]>([
    ["a line that is not a field", toBytes("No journal files were found.\n\n")],
    ["a name that never ends", toBytes("A".repeat(100))],
    ["an end inside an entry", toBytes("A=1\n")],
    ["an end inside a line", toBytes("A=1\n\nB")],
    ["an end inside a value", binary("B", toBytes("abc"), 50)],
    ["an end inside a value above the limit", binary("B", toBytes("abc"), 500)],
    ["a value that is longer than its length", join(binary("B", toBytes("abc"), 2), toBytes("\n"))],
    ["an impossible length", binary("B", new Uint8Array(0), Number.MAX_SAFE_INTEGER * 2)]
  ])("rejects %s", (_, input) => {
    for (const chunk of [input.length, 1]) {
      assert.throws(() => parse(input, chunk), /^output is not in the journal export format: /)
    }
  })

  it.effect("emits the complete entries of a stream that ends inside an entry, then fails", () =>
    Effect.gen(function*() {
      const seen: Array<unknown> = []
      const failure = yield* Stream.make(toBytes("A=1\n\nB"), toBytes("=2\n")).pipe(
        decodeJournalExport(limits),
        Stream.runForEach((entry) => Effect.sync(() => seen.push(text(entry)))),
        Effect.flip
      )
      assert.deepStrictEqual(seen, [{ A: "1" }])
      assert.strictEqual(failure._tag, "MalformedExport")
    }))
})
