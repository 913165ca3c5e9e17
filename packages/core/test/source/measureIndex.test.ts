import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { CoreIndex, formatCoreId, leftOutWarning, measureIndex, type UnversionedCore } from "../../src/index.ts"

const core = (pid: number, state: "present" | "missing"): UnversionedCore => ({
  id: formatCoreId({
    comm: "crashme",
    uid: 0,
    bootId: "0123456789abcdef0123456789abcdef",
    pid,
    usec: 1_700_000_000_000_000n + BigInt(pid),
    compression: "none"
  }),
  node: "node-1",
  state,
  compression: "none",
  COREDUMP_TIMESTAMP: `2023-11-14T22:13:${pid}Z`
})

describe("measureIndex", () => {
  it.effect("counts the cores by state, and each dropped core once", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxCores: 2 })
      const measure = measureIndex(index)
      index.put(core(10, "missing"))
      index.put(core(11, "present"))
      yield* measure
      index.put(core(12, "present"))
      yield* measure
      yield* measure
      const text = yield* PrometheusMetrics.format()
      assert.include(text, "koredump_cores{state=\"present\"} 2")
      assert.include(text, "koredump_cores{state=\"missing\"} 0")
      assert.match(text, /^koredump_cores_evicted_total 1$/m)
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))

  it.effect("measures memory, and says what is left out", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make({ maxCores: 1, maxBytes: 1_000_000 })
      index.put(core(10, "present"))
      assert.isUndefined(leftOutWarning(index))
      index.put(core(11, "present"))
      yield* measureIndex(index)
      const text = yield* PrometheusMetrics.format()
      assert.match(text, new RegExp(`^koredump_index_bytes ${index.bytes}$`, "m"))
      assert.match(text, /^koredump_index_limit_bytes 1000000$/m)
      assert.strictEqual(
        leftOutWarning(index),
        "Index full: 1 core left out since the server started, first the oldest ones without a core file. " +
          "Raise the memory limit or --max-cores."
      )
    }).pipe(Effect.provideService(Metric.MetricRegistry, new Map())))
})
