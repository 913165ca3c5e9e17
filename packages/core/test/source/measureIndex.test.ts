import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { CoreIndex, formatCoreId, measureIndex, type UnversionedCore } from "../../src/index.ts"

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
})
