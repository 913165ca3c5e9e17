import { Effect, Metric } from "effect"
import type { CoreIndex } from "./CoreIndex.ts"

const coresGauge = Metric.gauge("koredump_cores", { description: "Cores in the index, by state" })
const evictedCores = Metric.counter("koredump_cores_evicted_total", {
  description: "Cores dropped from the index because of its limit",
  incremental: true
})

/** Updates the metrics of an index. Run it at intervals. */
export const measureIndex = (index: CoreIndex): Effect.Effect<void> => {
  let evicted = 0
  return Effect.gen(function*() {
    const counts = { present: 0, truncated: 0, missing: 0, pending: 0 }
    for (const { state } of index) counts[state] += 1
    for (const [state, count] of Object.entries(counts)) {
      yield* Metric.update(Metric.withAttributes(coresGauge, { state }), count)
    }
    yield* Metric.update(evictedCores, index.evicted - evicted)
    evicted = index.evicted
  })
}
