/** What a benchmark found: figures, each beside its yardstick from the same run. */

/** Values of a yardstick or of a ratio: the middle one and all. */
export interface Rounds {
  readonly median: number
  readonly rounds: ReadonlyArray<number>
}

/** One figure. */
export interface Figure extends Rounds {
  readonly name: string
  readonly unit: string
  readonly yardstick?: Rounds & { readonly name: string }
  /** Ours over the yardstick's: round by round where they were measured by turns, else the medians. */
  readonly ratio?: Rounds
  /** What is asked for, in words, and whether it was met. */
  readonly target?: { readonly text: string; readonly met: boolean }
}

/** A benchmark: what it takes and what it tells. */
export interface Benchmark {
  readonly name: string
  readonly about: string
  readonly run: (options: { readonly quick: boolean }) => Promise<ReadonlyArray<Figure>>
}

/** The value that a share of all (0.99) does not exceed. */
export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN
}

/** The middle value. */
export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

const ofRounds = (rounds: ReadonlyArray<number>): Rounds => ({ median: median(rounds), rounds })

/** A figure of the rounds that were measured. */
export const figure = (name: string, unit: string, rounds: ReadonlyArray<number>, more: {
  readonly yardstick?: { readonly name: string; readonly rounds: ReadonlyArray<number> }
  readonly target?: { readonly text: string; readonly meets: (figure: Figure) => boolean }
} = {}): Figure => {
  const { target, yardstick } = more
  const measured: Figure = {
    name,
    unit,
    ...ofRounds(rounds),
    ...(yardstick === undefined ? {} : {
      yardstick: { name: yardstick.name, ...ofRounds(yardstick.rounds) },
      ratio: ofRounds(
        yardstick.rounds.length === rounds.length
          ? rounds.map((value, i) => value / yardstick.rounds[i]!)
          : [median(rounds) / median(yardstick.rounds)]
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

/** A table for people. */
export const formatFigures = (figures: ReadonlyArray<Figure>): string => {
  const rows = [
    ["figure", "koredump", "yardstick", "ratio", "target"],
    ...figures.map((figure) => [
      figure.name,
      `${spread(figure)} ${figure.unit}`,
      figure.yardstick === undefined
        ? ""
        : `${figure.yardstick.name} ${digits(figure.yardstick.median)} ${figure.unit}`,
      figure.ratio === undefined ? "" : spread(figure.ratio),
      figure.target === undefined ? "" : `${figure.target.text}: ${figure.target.met ? "met" : "MISSED"}`
    ])
  ]
  const widths = rows[0]!.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd()}`).join("\n")
}
