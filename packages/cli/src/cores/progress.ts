/** Shows the progress of downloads on one line of the terminal. */
import type { DownloadProgress } from "@koredump/client/node"
import { Clock, Effect, Schedule, type Scope } from "effect"
import { escapeHidden } from "../text/escape.ts"
import { Screen } from "../text/Screen.ts"
import { displayWidth, truncate } from "../text/terminalText.ts"
import { formatBytes, formatClock } from "../text/units.ts"

/** The progress of all downloads together. */
interface ProgressState {
  readonly label: string
  readonly done: number
  readonly total: number
  /** Bytes per second. Undefined if not known yet. */
  readonly rate: number | undefined
}

/** The progress line, at most `width` columns: label, bar, percentage, bytes, rate, remaining time. */
export const formatProgress = ({ done, label, rate, total }: ProgressState, width: number): string => {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const figures = [
    `${Math.floor(share * 100)}%`.padStart(4),
    `${formatBytes(done)} of ${formatBytes(total)}`,
    ...(rate === undefined ? [] : [`${formatBytes(rate)}/s`, ...(rate > 0 ? [formatClock((total - done) / rate)] : [])])
  ].join("  ")
  const bar = Math.max(0, Math.min(24, width - displayWidth(figures) - 30))
  const filled = Math.round(share * bar)
  const drawn = bar < 8 ? "" : `[${"#".repeat(filled)}${"-".repeat(bar - filled)}]`
  const name = truncate(escapeHidden(label), Math.max(8, width - displayWidth(figures) - drawn.length - 4))
  return truncate([name, drawn, figures].filter((part) => part !== "").join("  "), width)
}

/** The rate is the average over this time. */
const rateWindowMillis = 3000
const clearLine = "\r\u001b[K"

/** The progress line of one command. */
export interface Progress {
  /** Adds a download, with its size if it is known. Returns a function that updates its progress. */
  readonly add: (name: string, total?: number) => (progress: DownloadProgress) => void
  /** Clears the line, so that something else can be printed. */
  readonly clear: Effect.Effect<void>
}

interface Running {
  readonly name: string
  state: DownloadProgress
}

/** Draws the line ten times per second, if stderr is a terminal. Clears it when the scope closes. */
export const makeProgress: Effect.Effect<Progress, never, Screen | Scope.Scope> = Effect.gen(function*() {
  const screen = yield* Screen
  const running: Array<Running> = []
  const samples: Array<{ readonly at: number; readonly bytes: number }> = []
  const clear = screen.stderr === undefined ? Effect.void : screen.draw(clearLine)

  const sumBy = (toNumber: (state: DownloadProgress) => number) =>
    running.reduce((sum, { state }) => sum + toNumber(state), 0)

  const paint = (columns: number) =>
    Effect.gen(function*() {
      const [first] = running
      if (first === undefined) return
      const at = yield* Clock.currentTimeMillis
      // Bytes that an earlier command downloaded do not count for the rate.
      const bytes = sumBy(({ received, resumedFrom }) => received - resumedFrom)
      samples.push({ at, bytes })
      while (samples.length > 2 && at - samples[0]!.at > rateWindowMillis) samples.shift()
      const elapsed = at - samples[0]!.at
      const finished = running.filter(({ state }) => state.total > 0 && state.received >= state.total).length
      const line = formatProgress({
        label: running.length === 1 ? first.name : `${finished} of ${running.length} cores`,
        done: sumBy(({ received }) => received),
        total: sumBy(({ total }) => total),
        // No rate before the first byte: an earlier command's partial file may have to be read first.
        rate: elapsed < 500 || bytes === 0 ? undefined : (bytes - samples[0]!.bytes) / elapsed * 1000
      }, columns)
      yield* screen.draw(clearLine + line)
    })

  if (screen.stderr !== undefined) {
    const { stderr } = screen
    yield* Effect.addFinalizer(() => clear)
    yield* Effect.suspend(() => paint(stderr.columns - 1)).pipe(
      Effect.repeat(Schedule.spaced("100 millis")),
      Effect.forkScoped
    )
  }

  return {
    add: (name, total = 0) => {
      const download: Running = { name, state: { received: 0, total, resumedFrom: 0 } }
      running.push(download)
      return (state) => {
        download.state = state
      }
    },
    clear
  }
})
