/** Raw data of real crashes, from test/fixtures. */
import { readFileSync } from "node:fs"
import { JournalExportParser, type RawEntry } from "../../src/journal/decodeJournalExport.ts"

const path = (name: string) => new URL(`../fixtures/${name}`, import.meta.url)

export const fixtureBytes = (name: string): Uint8Array => readFileSync(path(name))
export const fixtureText = (name: string): string => readFileSync(path(name), "utf8")

/** PIDs by case name. */
export const fixtureCases = new Map(
  fixtureText("cases.txt").trim().split("\n").map((line) => line.split(" ") as [string, string])
)

export const parseAll = (bytes: Uint8Array): ReadonlyArray<RawEntry> => {
  const parser = new JournalExportParser({ fieldBytes: 1 << 20, entryBytes: 4 << 20 })
  const entries = parser.push(bytes)
  parser.end()
  return entries
}

export const fixtureEntries = parseAll(fixtureBytes("journal.export"))

export const rawText = (entry: RawEntry, name: string): string | undefined => {
  const value = entry.get(name)
  return value === undefined ? undefined : new TextDecoder().decode(value)
}

/** The journal entry of a case in `cases.txt`. */
export const fixtureEntry = (name: string): RawEntry =>
  fixtureEntries.find((entry) => rawText(entry, "COREDUMP_PID") === fixtureCases.get(name))!

/** Creates an entry. */
export const rawEntry = (fields: Readonly<Record<string, string | Uint8Array>>): RawEntry =>
  new Map(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === "string" ? new TextEncoder().encode(value) : value
    ])
  )

/** A copy of the entry with some fields changed. Undefined removes a field. */
export const withFields = (entry: RawEntry, fields: Readonly<Record<string, string | undefined>>): RawEntry => {
  const copy = new Map(entry)
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) copy.delete(name)
    else copy.set(name, new TextEncoder().encode(value))
  }
  return copy
}
