import { assert, describe, it } from "@effect/vitest"
import { JournalExportParser, type RawEntry } from "../../src/journal/decodeJournalExport.ts"

/** The names of the fields of an entry, with limits of 64 bytes for a field and 256 bytes for the entry. */
const parseNames = (text: string) => {
  const parser = new JournalExportParser({ fieldBytes: 64, entryBytes: 256 })
  const [entry] = parser.push(new TextEncoder().encode(text))
  return [...entry!.keys()]
}

describe("limits of a journal entry", () => {
  it("skips a field that alone is above the limit for fields, and keeps the others", () => {
    assert.deepStrictEqual(parseNames(`A=1\nLONG=${"x".repeat(65)}\nB=2\n\n`), ["A", "B"])
  })

  it("keeps a field of exactly the limit", () => {
    assert.deepStrictEqual(parseNames(`A=1\nLONG=${"x".repeat(64)}\nB=2\n\n`), ["A", "LONG", "B"])
  })

  it("omits the largest fields of an entry above its limit, whatever their order is", () => {
    for (const order of [["A", "B", "C", "D"], ["D", "C", "B", "A"]]) {
      const lengths: Readonly<Record<string, number>> = { A: 100, B: 60, C: 90, D: 50 }
      const parser = new JournalExportParser({ fieldBytes: 128, entryBytes: 128 })
      const text = order.map((name) => `${name}=${"x".repeat(lengths[name]!)}\n`).join("")
      const [entry] = parser.push(new TextEncoder().encode(`${text}A=2\n\nA=1\n\n`))
      assert.deepStrictEqual([...entry!.keys()].toSorted(), ["B", "D"])
      assert.deepStrictEqual([...entry!.omitted!].toSorted(), ["A", "C"])
    }
  })

  it("names the fields that it skips, and only those of their entry", () => {
    const parser = new JournalExportParser({ fieldBytes: 4, entryBytes: 64 })
    const binary = `BINARY\n${String.fromCharCode(6)}${"\0".repeat(7)}123456\n`
    const entries = [...`TEXT=12345\n${binary}A=1\n\nB=2\n\n`]
      .flatMap((char) => parser.push(new TextEncoder().encode(char)))
    assert.deepStrictEqual(entries.map(({ omitted }) => omitted), [["TEXT", "BINARY"], undefined])
    assert.deepStrictEqual(entries.map((entry) => Array.from(entry.keys())), [["A"], ["B"]])
  })

  it.each(["text", "binary"])(
    "takes a time in proportion to the size of a %s field, whatever the chunks are",
    (kind) => {
      const bytes = 8 * 1024 * 1024
      const parser = new JournalExportParser({ fieldBytes: bytes, entryBytes: bytes })
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(bytes))
      const field = Buffer.concat([
        kind === "text" ? Buffer.from("LARGE=") : Buffer.concat([Buffer.from("LARGE\n"), length]),
        Buffer.alloc(bytes, "x"),
        Buffer.from("\n\n")
      ])
      const entries: Array<RawEntry> = []
      // Joining the chunks one by one copies 64 GiB.
      for (let at = 0; at < field.length; at += 512) entries.push(...parser.push(field.subarray(at, at + 512)))
      parser.end()
      assert.strictEqual(entries[0]!.get("LARGE")!.length, bytes)
    }
  )
})
