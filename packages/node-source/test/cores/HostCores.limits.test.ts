import { assert, describe, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Effect } from "effect"
import { HostCores } from "../../src/cores/HostCores.ts"
import type { StoredFile } from "../../src/host/StoredFile.ts"
import { decodeEntry } from "../../src/journal/decodeEntry.ts"
import { entryFields, toCoreId } from "../support/FakeHost.ts"
import { rawEntry } from "../support/fixtures.ts"

const start = 1_700_000_000_000_000

const makeEntry = (pid: number) =>
  decodeEntry(rawEntry({ __CURSOR: `c${pid}`, ...entryFields({ pid, time: start + pid }) }), {
    coredumpUid: undefined,
    machine: undefined
  })!

const make = Effect.gen(function*() {
  const index = yield* CoreIndex.make({ maxCores: 10 })
  const options = { node: "node-1", maxCores: 10, isVisible: () => true, loadPod: () => undefined }
  return { index, cores: new HostCores(index, options) }
})

const maxBytes = 1024 * 1024

/** About 50 KiB in memory. */
const makeLargeEntry = (pid: number) =>
  decodeEntry(
    rawEntry({
      __CURSOR: `c${pid}`,
      ...entryFields({ pid, time: start + pid }),
      ...Object.fromEntries(
        ["EXE", "CMDLINE", "CWD", "ROOT", "UNIT", "OWNER_UID"].map((name) => [`COREDUMP_${name}`, "中".repeat(4096)])
      )
    }),
    { coredumpUid: undefined, machine: undefined }
  )!

const makeFile = (pid: number, version = "1"): StoredFile => ({
  id: toCoreId({ pid, time: start + pid }),
  size: 10,
  version
})

/** Cores whose memory is limited. Nothing has been published. */
const makeLimited = (isVisible = true) =>
  Effect.gen(function*() {
    const index: CoreIndex = yield* CoreIndex.make({ maxBytes, onEvict: ({ id }) => cores.onEvicted(id) })
    const cores: HostCores = new HostCores(index, {
      node: "node-1",
      maxCores: 100_000,
      maxHiddenBytes: maxBytes,
      isVisible: () => isVisible,
      loadPod: () => undefined
    })
    const countEntries = (to: number) =>
      Array.from({ length: to }, (_, i) => makeFile(i + 1).id).filter((id) => cores.hasEntry(id)).length
    return { cores, countEntries, index, listPids: () => Array.from(index, ({ COREDUMP_PID }) => COREDUMP_PID!) }
  })

describe("limits of HostCores", () => {
  it.effect("keeps the newest entries of the initial read", () =>
    Effect.gen(function*() {
      const { cores, index } = yield* make
      for (let pid = 1; pid <= 30; pid++) cores.putEntry(makeEntry(pid))
      cores.publish()
      const pids = Array.from(index, ({ COREDUMP_PID }) => COREDUMP_PID)
      assert.deepStrictEqual(pids, Array.from({ length: 10 }, (_, i) => 21 + i))
    }))

  it.effect("keeps the entries of crashes that are not too old", () =>
    Effect.gen(function*() {
      const { cores } = yield* make
      cores.publish()
      const [old, recent] = [makeEntry(1), makeEntry(2)]
      for (const entry of [old, recent]) cores.putEntry(entry)
      cores.removeMissingBefore(start + 2)
      assert.isFalse(cores.hasEntry(old.id))
      assert.isTrue(cores.hasEntry(recent.id))
    }))

  it.effect("keeps the limit for memory while the journal is read, and drops the oldest crashes without a file", () =>
    Effect.gen(function*() {
      const { cores, countEntries, index, listPids } = yield* makeLimited()
      for (const pid of [1, 2]) cores.putFile(makeFile(pid))
      for (let pid = 1; pid <= 200; pid++) {
        cores.putEntry(makeLargeEntry(pid))
        assert.isAtMost(index.bytes, maxBytes)
      }
      const pids = listPids()
      assert.deepStrictEqual(pids.slice(0, 2), [1, 2])
      assert.deepStrictEqual(pids.slice(2), Array.from({ length: pids.length - 2 }, (_, i) => 203 - pids.length + i))
      assert.isAbove(pids.length, 10)
      assert.strictEqual(countEntries(200), pids.length)
      assert.strictEqual(index.evicted, 200 - pids.length)
    }))

  it.effect("does not show a core as pending whose entry is left out", () =>
    Effect.gen(function*() {
      const { cores, countEntries, index, listPids } = yield* makeLimited()
      for (let pid = 1; pid <= 100; pid++) cores.putFile(makeFile(pid))
      for (let pid = 1; pid <= 100; pid++) cores.putEntry(makeLargeEntry(pid))
      const before = listPids()
      assert.notInclude(before, 1)
      assert.strictEqual(countEntries(100), before.length)
      cores.publish()
      const { id } = makeFile(1)
      assert.isFalse(cores.needsXattrs(id))
      cores.putFile(makeFile(1, "2"))
      assert.deepStrictEqual(listPids(), before)
      assert.isTrue(cores.has(id))
      assert.strictEqual(cores.bytes, 1000)
      cores.removeFile(id)
      assert.isFalse(cores.has(id))
      // Another core with this name is a new one.
      cores.putFile(makeFile(1, "3"))
      assert.strictEqual(index.get({ node: "node-1", id })?.state ?? "dropped again", "pending")
    }))

  it.effect("limits the memory of hidden crashes, with and without a file", () =>
    Effect.gen(function*() {
      const { cores, countEntries, index } = yield* makeLimited(false)
      for (let pid = 1; pid <= 100; pid++) cores.putFile(makeFile(pid))
      for (let pid = 1; pid <= 200; pid++) cores.putEntry(makeLargeEntry(pid))
      assert.strictEqual(index.size, 0)
      assert.isBelow(countEntries(200), 30)
      assert.isTrue(cores.hasEntry(makeFile(200).id))
    }))
})
