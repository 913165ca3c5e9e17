/** Measurements that a run prints. */
import { writeSync } from "node:fs"

/** Prints a measurement. */
export const report = (line: string): void => {
  writeSync(2, `    ▸ ${line}\n`)
}

/** The median and the 99th percentile, and a text with both and the maximum. */
export const quantiles = (
  millis: ReadonlyArray<number>
): { readonly text: string; readonly p50: number; readonly p99: number } => {
  const sorted = [...millis].toSorted((a, b) => a - b)
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]!
  const [p50, p99, max] = [at(0.5), at(0.99), sorted.at(-1)!]
  return {
    text: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, max ${max.toFixed(1)} ms (${sorted.length})`,
    p50,
    p99
  }
}
