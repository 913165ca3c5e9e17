/** The measurements of a run. They are written to a file, because test files run in different processes. */
import { appendFileSync, existsSync, readFileSync, rmSync } from "node:fs"
import { join } from "node:path"

const file = join(import.meta.dirname, "../.measurements.jsonl")

interface Row {
  readonly test: string
  readonly measured: Readonly<Record<string, number | string>>
}

/** Records the measurements of a test. */
export const record = (test: string, measured: Row["measured"]): void =>
  appendFileSync(file, `${JSON.stringify({ test, measured } satisfies Row)}\n`)

/** Removes the measurements of an earlier run. */
export const clearTable = (): void => rmSync(file, { force: true })

/** Prints all measurements. */
export const printTable = (): void => {
  if (!existsSync(file)) return
  const rows = readFileSync(file, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line) as Row)
  const width = Math.max(...rows.map(({ test }) => test.length))
  const lines = rows.map(({ measured, test }) =>
    `▸ ${test.padEnd(width)}  ${Object.entries(measured).map(([name, value]) => `${name} ${value}`).join(", ")}`
  )
  process.stdout.write(`\n${lines.join("\n")}\n`)
}

/** A value of sorted numbers: 0.5 for the median, 1 for the maximum. */
export const quantile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}
