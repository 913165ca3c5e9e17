import { assert, describe, it } from "@effect/vitest"
import { CoreIndex, type UnversionedCore } from "@koredump/core"
import { Effect } from "effect"
import { HostCores } from "../../src/cores/HostCores.ts"
import type { StoredFile } from "../../src/host/StoredFile.ts"
import { decodeEntry } from "../../src/journal/decodeEntry.ts"
import type { ResolvedPod } from "../../src/pods/ResolvedPod.ts"
import { entryFields, toCoreId } from "../support/FakeHost.ts"
import { rawEntry } from "../support/fixtures.ts"

const start = 1_700_000_000_000_000
const cgroup = { podUid: "dde1244b-5bb5-4297-b544-85f3bc0d80bf", containerId: "a".repeat(64) }
const pod: ResolvedPod = { cgroup, identity: { namespace: "shop" } }
const podCgroup = { COREDUMP_CGROUP: `/kubepods/pod${cgroup.podUid}/${cgroup.containerId}` }

const makeEntry = (pid = 1, fields: Readonly<Record<string, string>> = {}) =>
  decodeEntry(rawEntry({ __CURSOR: `c${pid}`, ...entryFields({ pid, time: start + pid, fields }) }), {
    coredumpUid: undefined,
    machine: undefined
  })!

const makeFile = (pid = 1, more: Partial<StoredFile> = {}): StoredFile => ({
  id: toCoreId({ pid, time: start + pid }),
  size: 10,
  version: "1",
  ...more
})

const stem = toCoreId({ pid: 1, time: start + 1 })

/** Cores that have been published, and everything that they load. */
const make = Effect.fnUntraced(function*(
  options: { readonly isVisible?: (core: UnversionedCore) => boolean; readonly maxCores?: number } = {}
) {
  const { isVisible = () => true, maxCores = 100 } = options
  const index = yield* CoreIndex.make({ maxCores })
  const loads: Array<string> = []
  const cores = new HostCores(index, {
    node: "node-1",
    maxCores,
    isVisible,
    loadPod: (stem) => {
      loads.push(stem)
      return pod
    }
  })
  const listPids = () => [...index].map(({ COREDUMP_PID }) => COREDUMP_PID)
  return { cores, index, listPids, loads }
})

const makePublished = (options?: Parameters<typeof make>[0]) =>
  Effect.tap(make(options), ({ cores }) => Effect.sync(() => cores.publish()))

describe("HostCores", () => {
  it.effect("adds files without an entry when it is published, and everything else immediately", () =>
    Effect.gen(function*() {
      const { cores, listPids } = yield* make()
      cores.putFile(makeFile(1))
      cores.putEntry(makeEntry(2))
      assert.deepStrictEqual(listPids(), [2])
      cores.publish()
      assert.deepStrictEqual(listPids(), [1, 2])
      cores.putFile(makeFile(3))
      assert.deepStrictEqual(listPids(), [1, 2, 3])
    }))

  it.effect.each(["file first", "entry first"])("merges file and entry, %s", (order) =>
    Effect.gen(function*() {
      const { cores, index } = yield* makePublished()
      if (order === "file first") cores.putFile(makeFile())
      cores.putEntry(makeEntry())
      if (order === "entry first") cores.putFile(makeFile())
      assert.deepStrictEqual([...index].map(({ size, state }) => [state, size]), [["present", 10]])
      cores.removeFile(stem)
      assert.deepStrictEqual([...index].map(({ size, state }) => [state, size]), [["missing", undefined]])
    }))

  it.effect("drops extended attributes when the entry is known", () =>
    Effect.gen(function*() {
      const { cores } = yield* makePublished()
      cores.putFile(makeFile(1, { xattrs: { COREDUMP_COMM: "x" } }))
      assert.isFalse(cores.hasEntry(stem))
      cores.putEntry(makeEntry())
      assert.isTrue(cores.hasEntry(`${stem}.zst`))
      assert.deepStrictEqual(cores.file(stem), makeFile())
    }))

  it.effect("counts the bytes of all files", () =>
    Effect.gen(function*() {
      const { cores } = yield* makePublished()
      cores.putFile(makeFile(1))
      cores.putFile(makeFile(2))
      assert.strictEqual(cores.bytes, 20)
      cores.putFile(makeFile(1, { size: 15, version: "2" }))
      assert.strictEqual(cores.bytes, 25)
      cores.removeFile(stem)
      cores.removeFile(stem)
      assert.strictEqual(cores.bytes, 10)
      assert.deepStrictEqual([...cores.fileNames()], [makeFile(2).id])
    }))

  it.effect("has an example of an unreadable file until all are readable", () =>
    Effect.gen(function*() {
      const { cores } = yield* makePublished()
      for (const pid of [1, 2]) cores.putFile(makeFile(pid, { unreadable: "permission denied" }))
      assert.deepStrictEqual(cores.unreadable, { id: stem, reason: "permission denied" })
      cores.putFile(makeFile(1, { version: "2" }))
      assert.strictEqual(cores.unreadable?.id, makeFile(2).id)
      cores.removeFile(makeFile(2).id)
      assert.isUndefined(cores.unreadable)
    }))

  it.effect("loads the pod of a crash once, when it is first seen", () =>
    Effect.gen(function*() {
      const { cores, index, loads } = yield* makePublished()
      cores.putFile(makeFile())
      cores.putEntry(makeEntry(1, podCgroup))
      assert.deepStrictEqual<ReadonlyArray<string>>(loads, [stem])
      assert.deepStrictEqual([...index].map(({ namespace }) => namespace), ["shop"])
      // An entry without a pod needs no identity.
      cores.putEntry(makeEntry(2))
      assert.strictEqual(loads.length, 1)
      cores.putEntry(makeEntry(3, podCgroup))
      assert.strictEqual(loads.length, 2)
    }))

  it.effect("keeps the pod while file or entry exists", () =>
    Effect.gen(function*() {
      const { cores, loads } = yield* makePublished()
      cores.putFile(makeFile())
      cores.putEntry(makeEntry(1, podCgroup))
      cores.removeFile(stem)
      assert.deepStrictEqual(cores.pod(stem), pod)
      const other = makeFile(2)
      cores.putFile(other)
      cores.removeFile(other.id)
      assert.isUndefined(cores.pod(other.id))
      cores.putFile(other)
      assert.strictEqual(loads.length, 3)
    }))

  it.effect("ignores the pod of an unknown crash", () =>
    Effect.gen(function*() {
      const { cores } = yield* makePublished()
      cores.putPod(stem, pod)
      assert.isUndefined(cores.pod(stem))
      assert.isFalse(cores.has(stem))
    }))

  it.effect("removes old crashes without a file, visible or not", () =>
    Effect.gen(function*() {
      const { cores, listPids } = yield* makePublished({ isVisible: ({ COREDUMP_PID }) => COREDUMP_PID !== 2 })
      for (const pid of [1, 2, 3, 4]) cores.putEntry(makeEntry(pid))
      cores.putFile(makeFile(3))
      cores.removeMissingBefore(start + 4)
      assert.deepStrictEqual(listPids(), [3, 4])
      for (const pid of [1, 2]) assert.isFalse(cores.has(makeFile(pid).id), String(pid))
      assert.isTrue(cores.hasEntry(makeFile(3).id))
    }))

  it.effect("keeps hidden crashes up to the limit, and removes the oldest ones", () =>
    Effect.gen(function*() {
      const { cores, listPids } = yield* makePublished({ isVisible: () => false, maxCores: 10 })
      for (let pid = 1; pid <= 30; pid++) cores.putEntry(makeEntry(pid))
      assert.deepStrictEqual(listPids(), [])
      const known = Array.from({ length: 30 }, (_, i) => i + 1).filter((pid) => cores.has(makeFile(pid).id))
      assert.deepStrictEqual(known, [20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30])
    }))
})
