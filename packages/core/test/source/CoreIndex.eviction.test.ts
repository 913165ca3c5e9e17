import { assert, describe, it } from "@effect/vitest"
import { CoreIndex, formatCoreId, formatTimestamp, type UnversionedCore } from "@koredump/core"
import { Effect } from "effect"

const noon = 1_700_000_000_000_000

const core = (pid: number, state: UnversionedCore["state"] = "present"): UnversionedCore => ({
  id: formatCoreId({
    comm: "x",
    uid: 0,
    bootId: "0123456789abcdef0123456789abcdef",
    pid,
    usec: BigInt(noon),
    compression: "none"
  }),
  node: "node-1",
  state,
  compression: "none",
  COREDUMP_PID: pid,
  COREDUMP_TIMESTAMP: formatTimestamp(noon + pid * 1_000_000)!
})

const pids = (index: CoreIndex) => index.list({ state: "any" }).cores.map((core) => core.COREDUMP_PID)

describe("eviction from a CoreIndex", () => {
  it.effect("drops missing cores first, also after another missing core was removed", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxCores: 3 })
      index.put(core(1))
      index.put(core(2, "missing"))
      index.put(core(3, "missing"))
      index.remove(core(2))
      for (const pid of [4, 5]) index.put(core(pid))
      assert.deepStrictEqual(pids(index), [1, 4, 5])
    }))

  it.effect("drops the oldest core when no missing core is left", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxCores: 3 })
      index.put(core(2, "missing"))
      index.put(core(2, "present"))
      for (const pid of [1, 3, 4]) index.put(core(pid))
      assert.deepStrictEqual(pids(index), [2, 3, 4])
    }))
})
