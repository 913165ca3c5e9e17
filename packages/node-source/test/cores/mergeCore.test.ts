import { assert, describe, it } from "@effect/vitest"
import { CoreId, UnversionedCore } from "@koredump/core"
import { Schema } from "effect"
import { mergeCore } from "../../src/cores/mergeCore.ts"
import type { StoredFile } from "../../src/host/StoredFile.ts"
import { decodeEntry } from "../../src/journal/decodeEntry.ts"
import { fixtureEntries, fixtureEntry, withFields } from "../support/fixtures.ts"

const host = { coredumpUid: 995, machine: undefined }
const decodeFixture = (name: string) => decodeEntry(fixtureEntry(name), host)!
const makeFile = (id: string, more: Partial<StoredFile> = {}): StoredFile => ({
  id: CoreId.make(id),
  size: 7,
  version: "1",
  ...more
})

const deep = decodeFixture("deep")
const decode = Schema.decodeUnknownSync(UnversionedCore)

describe("mergeCore", () => {
  it.each([
    ["only a file", makeFile(deep.id), undefined, "pending", undefined],
    ["file and entry", makeFile(deep.id), deep, "present", undefined],
    ["file and entry of a truncated core", makeFile(deep.id), { ...deep, truncated: true }, "truncated", undefined],
    [
      "unreadable file",
      makeFile(deep.id, { unreadable: "permission denied" }),
      deep,
      "present",
      "The core file is not readable: permission denied."
    ],
    ["only an entry", undefined, deep, "missing", "The core file is gone (deleted or vacuumed)."]
  ])("%s", (_, file, entry, state, reason) => {
    const core = mergeCore({ node: "n", id: deep.id, file, entry })
    assert.strictEqual(core.state, state)
    assert.strictEqual(core.reason, reason)
    assert.strictEqual(core.size, file?.size)
    assert.strictEqual(core.node, "n")
  })

  it("prefers the journal entry to extended attributes, and these to the file name", () => {
    const id = CoreId.make("core.name.1.751c449cf1bc47708e93be6dfdbb55a0.12118.1795425477000000.zst")
    const named = mergeCore({ node: "n", id, file: makeFile(id) })
    assert.deepInclude(named, { COREDUMP_COMM: "name", COREDUMP_UID: 1, COREDUMP_TIMESTAMP: "2026-11-23T09:17:57Z" })
    assert.notProperty(named, "title")
    const xattrs = { COREDUMP_COMM: "attribute", COREDUMP_SIGNAL: 6 }
    const pending = mergeCore({ node: "n", id, file: makeFile(id, { xattrs }) })
    assert.deepInclude(pending, { COREDUMP_COMM: "attribute", COREDUMP_UID: 1, title: "SIGABRT in attribute" })
    const known = mergeCore({ node: "n", id, file: makeFile(id, { xattrs }), entry: deep })
    assert.deepInclude(known, { COREDUMP_COMM: "deep", COREDUMP_UID: 0, title: "SIGSEGV in deep3 (deep)" })
  })

  it("uses the compression of the file, not of the entry", () => {
    const id = CoreId.make(deep.id.replace(/zst$/, "lz4"))
    assert.strictEqual(mergeCore({ node: "n", id, file: makeFile(id), entry: deep }).compression, "lz4")
  })

  it("produces only values that match the schema of a core", () => {
    for (const raw of [...fixtureEntries, withFields(fixtureEntry("deep"), { COREDUMP_SIGNAL: "64" })]) {
      const entry = decodeEntry(raw, host)!
      for (const file of [undefined, makeFile(entry.id)]) {
        const core = mergeCore({ node: "n", id: entry.id, file, entry })
        assert.deepStrictEqual(decode(core), core)
        for (const value of Object.values(core)) assert.notStrictEqual(value, "")
      }
    }
  })
})
