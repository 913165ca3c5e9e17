import { Effect, Metric } from "effect"
import type { CoreIndex } from "./CoreIndex.ts"

const coresGauge = Metric.gauge("koredump_cores", { description: "Cores in the index, by state" })
const bytesGauge = Metric.gauge("koredump_index_bytes", { description: "Memory of the index, estimated" })
const limitGauge = Metric.gauge("koredump_index_limit_bytes", { description: "Maximum of koredump_index_bytes" })
const evictedCores = Metric.counter("koredump_cores_evicted_total", {
  description: "Cores dropped from the index because of its limit",
  incremental: true
})

/** What a full index leaves out, as a sentence for operators. Undefined: nothing. */
export const leftOutWarning = ({ evicted }: CoreIndex): string | undefined =>
  evicted === 0
    ? undefined
    : `Index full: ${evicted} ${evicted === 1 ? "core" : "cores"} left out since the server started, ` +
      "first the oldest ones without a core file. Raise the memory limit or --max-cores."

/** Updates the metrics of an index, and logs when it is full for the first time. Run it at intervals. */
export const measureIndex = (index: CoreIndex): Effect.Effect<void> => {
  let evicted = 0
  return Effect.gen(function*() {
    if (evicted === 0 && index.evicted > 0) {
      yield* Effect.logWarning("Index full: cores left out").pipe(
        Effect.annotateLogs({ count: index.evicted, cores: index.size, bytes: index.bytes })
      )
    }
    const counts = { present: 0, truncated: 0, missing: 0, pending: 0 }
    for (const { state } of index) counts[state] += 1
    for (const [state, count] of Object.entries(counts)) {
      yield* Metric.update(Metric.withAttributes(coresGauge, { state }), count)
    }
    yield* Metric.update(bytesGauge, index.bytes)
    if (Number.isFinite(index.maxBytes)) yield* Metric.update(limitGauge, index.maxBytes)
    yield* Metric.update(evictedCores, index.evicted - evicted)
    evicted = index.evicted
  })
}
