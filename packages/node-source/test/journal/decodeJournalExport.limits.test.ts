import { assert, describe, it } from "@effect/vitest"
import { JournalExportParser } from "../../src/journal/decodeJournalExport.ts"

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
})
