/** What a benchmark found: figures, each beside its yardstick from the same run. */

/** One figure. */
export interface Figure {
  readonly name: string
  /** Of koredump: the median of all rounds. */
  readonly value: number
  readonly unit: string
  /** The yardstick, measured in the same run; the ratio is value / yardstick. */
  readonly yardstick?: { readonly name: string; readonly value: number }
  /** All rounds, as they came. */
  readonly rounds?: ReadonlyArray<number>
  /** What is asked for, in words, and whether it was met. */
  readonly target?: { readonly text: string; readonly met: boolean }
}

/** A benchmark: what it takes and what it tells. */
export interface Benchmark {
  readonly name: string
  readonly about: string
  readonly run: (options: { readonly quick: boolean }) => Promise<ReadonlyArray<Figure>>
}

/** The middle value. */
export const median = (values: ReadonlyArray<number>): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** The value that a share of all (0.99) does not exceed. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

const round = (n: number) => n >= 100 ? n.toFixed(0) : n >= 1 ? n.toFixed(2) : n.toPrecision(3)

/** A table for people. */
export const formatFigures = (figures: ReadonlyArray<Figure>): string =>
  figures.map(({ name, rounds, target, unit, value, yardstick }) =>
    [
      `  ${name.padEnd(52)} ${round(value).padStart(9)} ${unit.padEnd(6)}`,
      yardstick === undefined
        ? ""
        : `${yardstick.name} ${round(yardstick.value)} ${unit}: ratio ${round(value / yardstick.value)}`,
      rounds === undefined || rounds.length < 2 ? "" : `(${round(Math.min(...rounds))}–${round(Math.max(...rounds))})`,
      target === undefined ? "" : `[${target.text}: ${target.met ? "met" : "MISSED"}]`
    ].filter((part) => part !== "").join("  ")
  ).join("\n")
