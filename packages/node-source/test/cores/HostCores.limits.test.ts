import { assert, describe, it } from "@effect/vitest"
import { CoreIndex } from "@koredump/core"
import { Effect } from "effect"
import { HostCores } from "../../src/cores/HostCores.ts"
import { decodeEntry } from "../../src/journal/decodeEntry.ts"
import { entryFields } from "../support/FakeHost.ts"
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
})
