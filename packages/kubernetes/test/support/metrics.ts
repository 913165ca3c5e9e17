/** The counters of koredump for tests. */
import { Effect, Metric } from "effect"

/** The counters with this `kind`, by name and other attributes. */
export const readCounters = (kind: string): Effect.Effect<Record<string, number>> =>
  Effect.map(Metric.snapshot, (metrics) => {
    const counters: Record<string, number> = {}
    for (const metric of metrics) {
      const { kind: own, ...others } = metric.attributes ?? {}
      if (metric.type !== "Counter" || own !== kind) continue
      const labels = Object.entries(others).map(([name, value]) => ` ${name}=${value}`)
      counters[metric.id + labels.join("")] = Number(metric.state.count)
    }
    return counters
  })
