import { assert, describe, it } from "@effect/vitest"
import { CoreId, UnversionedCore } from "@koredump/core"
import { Schema } from "effect"
import { type FileFacts, mergeCore } from "../../src/cores/mergeCore.ts"
import { readEntry } from "../../src/journal/JournalEntry.ts"
import { changed, fixtureEntries, fixtureEntry } from "../support/fixtures.ts"

const host = { coredumpUid: 995, machine: undefined }
const entryOf = (name: string) => readEntry(fixtureEntry(name), host)!
const fileOf = (id: string, more: Partial<FileFacts> = {}): FileFacts => ({
  id: CoreId.make(id),
  size: 7,
  version: "1",
  ...more
})

const deep = entryOf("deep")
const decode = Schema.decodeUnknownSync(UnversionedCore)

describe("mergeCore", () => {
  it.each([
    ["file alone", fileOf(deep.id), undefined, "pending", undefined],
    ["file and entry", fileOf(deep.id), deep, "present", undefined],
    ["file and entry of a cut core", fileOf(deep.id), { ...deep, truncated: true }, "truncated", undefined],
    ["unreadable file", fileOf(deep.id, { unreadable: "no" }), deep, "present", "no"],
    ["entry alone", undefined, deep, "missing", "the file is gone (vacuumed or deleted)"]
  ])("%s", (_, file, entry, state, reason) => {
    const core = mergeCore("n", deep.id, file, entry)
    assert.strictEqual(core.state, state)
    assert.strictEqual(core.reason, reason)
    assert.strictEqual(core.size, file?.size)
    assert.strictEqual(core.node, "n")
  })

  it("believes the journal first, then the attributes, then the name", () => {
    const id = CoreId.make("core.name.1.751c449cf1bc47708e93be6dfdbb55a0.12118.1795425477000000.zst")
    const named = mergeCore("n", id, fileOf(id), undefined)
    assert.deepInclude(named, { COREDUMP_COMM: "name", COREDUMP_UID: 1, COREDUMP_TIMESTAMP: "2026-11-23T09:17:57Z" })
    assert.notProperty(named, "title")
    const xattrs = { COREDUMP_COMM: "attribute", COREDUMP_SIGNAL: 6 }
    const pending = mergeCore("n", id, fileOf(id, { xattrs }), undefined)
    assert.deepInclude(pending, { COREDUMP_COMM: "attribute", COREDUMP_UID: 1, title: "SIGABRT in attribute" })
    const known = mergeCore("n", id, fileOf(id, { xattrs }), deep)
    assert.deepInclude(known, { COREDUMP_COMM: "deep", COREDUMP_UID: 0, title: "SIGSEGV in deep3 (deep)" })
  })

  it("tells the compression of the file, not of the entry", () => {
    const id = deep.id.replace(/zst$/, "lz4")
    assert.strictEqual(mergeCore("n", CoreId.make(id), fileOf(id), deep).compression, "lz4")
  })

  it("gives nothing that the model does not take", () => {
    for (const raw of [...fixtureEntries, changed(fixtureEntry("deep"), { COREDUMP_SIGNAL: "64" })]) {
      const entry = readEntry(raw, host)!
      for (const file of [undefined, fileOf(entry.id)]) {
        const core = mergeCore("n", entry.id, file, entry)
        assert.deepStrictEqual(decode(core), core)
        for (const value of Object.values(core)) assert.notStrictEqual(value, "")
      }
    }
  })
})
