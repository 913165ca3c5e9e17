/** The results of a benchmark: figures with their baselines from the same run. */

/** Values of a baseline or a ratio: the median, and all rounds. */
interface Rounds {
  readonly median: number
  readonly rounds: ReadonlyArray<number>
}

/** A measured value. */
export interface Figure extends Rounds {
  readonly name: string
  readonly unit: string
  readonly baseline?: Rounds & { readonly name: string }
  /** koredump divided by the baseline: by round if the rounds alternate, else by median. */
  readonly ratio?: Rounds
  /** The target as text, and whether it is met. */
  readonly target?: { readonly text: string; readonly met: boolean }
}

/** A benchmark. */
export interface Benchmark {
  readonly name: string
  readonly about: string
  readonly run: (options: { readonly quick: boolean }) => Promise<ReadonlyArray<Figure>>
}

/** The percentile for a share such as 0.99. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

/** The median. */
export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

const toRounds = (rounds: ReadonlyArray<number>): Rounds => ({ median: median(rounds), rounds })

/** Makes a figure from measured rounds. */
export const figure = (name: string, unit: string, rounds: ReadonlyArray<number>, more: {
  readonly baseline?: { readonly name: string; readonly rounds: ReadonlyArray<number> }
  readonly target?: { readonly text: string; readonly meets: (figure: Figure) => boolean }
} = {}): Figure => {
  const { target, baseline } = more
  const measured: Figure = {
    name,
    unit,
    ...toRounds(rounds),
    ...(baseline === undefined ? {} : {
      baseline: { name: baseline.name, ...toRounds(baseline.rounds) },
      ratio: toRounds(
        baseline.rounds.length === rounds.length
          ? rounds.map((value, i) => value / baseline.rounds[i]!)
          : [median(rounds) / median(baseline.rounds)]
      )
    })
  }
  return target === undefined ? measured : { ...measured, target: { text: target.text, met: target.meets(measured) } }
}

const digits = (n: number) => Math.abs(n) >= 100 ? n.toFixed(0) : Math.abs(n) >= 1 ? n.toFixed(2) : n.toPrecision(2)

const spread = ({ median, rounds }: Rounds) =>
  rounds.length < 2
    ? digits(median)
    : `${digits(median)} (${digits(Math.min(...rounds))}–${digits(Math.max(...rounds))})`

/** Formats figures as a table. */
export const formatFigures = (figures: ReadonlyArray<Figure>): string => {
  const rows = [
    ["figure", "koredump", "baseline", "ratio", "target"],
    ...figures.map((figure) => [
      figure.name,
      `${spread(figure)} ${figure.unit}`,
      figure.baseline === undefined
        ? ""
        : `${figure.baseline.name} ${digits(figure.baseline.median)} ${figure.unit}`,
      figure.ratio === undefined ? "" : spread(figure.ratio),
      figure.target === undefined ? "" : `${figure.target.text}: ${figure.target.met ? "met" : "MISSED"}`
    ])
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()}`).join("\n")
}
