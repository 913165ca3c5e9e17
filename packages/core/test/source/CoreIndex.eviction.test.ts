import { assert, describe, it } from "@effect/vitest"
import { CoreIndex, formatCoreId, formatTimestamp, type UnversionedCore } from "@koredump/core"
import { Effect, Stream } from "effect"

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

const large = (pid: number, char: string, state: UnversionedCore["state"] = "present"): UnversionedCore => ({
  ...core(pid, state),
  COREDUMP_CMDLINE: char.repeat(1000)
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

  it.effect("keeps the limit for memory, also after changes and removals", () =>
    Effect.gen(function*() {
      const maxBytes = 400_000
      const evicted: Array<number | undefined> = []
      const index = yield* CoreIndex.make({ maxBytes, onEvict: ({ COREDUMP_PID }) => evicted.push(COREDUMP_PID) })
      const { resourceVersion } = index
      index.put(large(1, "中"))
      index.put(large(2, "中", "missing"))
      for (let pid = 3; pid < 300; pid++) {
        index.put(large(pid, "中"))
        index.put(large(pid, "国"))
        if (pid % 3 === 0) index.remove(core(pid))
        assert.isAtMost(index.bytes, maxBytes)
      }
      assert.deepStrictEqual(evicted.slice(0, 2), [2, 1])
      assert.strictEqual(index.evicted, evicted.length)
      assert.isAbove(index.size, 10)
      const expired = yield* Effect.flip(Stream.runDrain(index.changes({ since: resourceVersion })))
      assert.strictEqual(expired._tag, "ResourceVersionExpired")
    }))

  it.effect("drops a core that alone exceeds the limit for memory", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxBytes: 10_000 })
      index.put({ ...core(1), COREDUMP_CMDLINE: "x".repeat(100_000) })
      assert.deepStrictEqual(pids(index), [])
      index.put(core(2))
      assert.deepStrictEqual(pids(index), [2])
    }))
})
