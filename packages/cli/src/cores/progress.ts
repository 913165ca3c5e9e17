/** The line that shows how downloads come on. */
import type { DownloadProgress } from "@koredump/client/node"
import { Clock, Effect, Schedule, type Scope } from "effect"
import { truncate, widthOf } from "../text/escape.ts"
import { Screen } from "../text/Screen.ts"
import { formatBytes, formatClock } from "../text/units.ts"

/** How far downloads are, all together. */
export interface ProgressState {
  readonly label: string
  readonly done: number
  readonly total: number
  /** Bytes a second; undefined while not known. */
  readonly rate: number | undefined
}

/** The line, at most `width` columns: label, bar, percentage, bytes, rate, time left. */
export const formatProgress = ({ done, label, rate, total }: ProgressState, width: number): string => {
  const share = total === 0 ? 1 : Math.min(1, done / total)
  const figures = [
    `${Math.floor(share * 100)}%`.padStart(4),
    `${formatBytes(done)} of ${formatBytes(total)}`,
    ...(rate === undefined ? [] : [`${formatBytes(rate)}/s`, ...(rate > 0 ? [formatClock((total - done) / rate)] : [])])
  ].join("  ")
  const bar = Math.max(0, Math.min(24, width - widthOf(figures) - 30))
  const filled = Math.round(share * bar)
  const drawn = bar < 8 ? "" : `[${"#".repeat(filled)}${"-".repeat(bar - filled)}]`
  const name = truncate(label, Math.max(8, width - widthOf(figures) - drawn.length - 4))
  return truncate([name, drawn, figures].filter((part) => part !== "").join("  "), width)
}

/** Milliseconds over which the rate is taken. */
const rateWindow = 3000
const clearLine = "\r\u001b[K"

/** Takes what downloads tell, shows it ten times a second; the line is gone with the scope. */
export interface Progress {
  /** One more download, with its size where that is known already. The answer takes what the download tells. */
  readonly add: (name: string, total?: number) => (progress: DownloadProgress) => void
  /** Takes the line away so that something else can be printed. */
  readonly clear: Effect.Effect<void>
}

interface Running {
  readonly name: string
  state: DownloadProgress
}

/** Draws on stderr where that is a terminal, else nothing. */
export const makeProgress: Effect.Effect<Progress, never, Screen | Scope.Scope> = Effect.gen(function*() {
  const screen = yield* Screen
  const running: Array<Running> = []
  const samples: Array<{ readonly at: number; readonly bytes: number }> = []
  const clear = screen.stderr === undefined ? Effect.void : screen.draw(clearLine)

  const sum = (of: (state: DownloadProgress) => number) => running.reduce((all, { state }) => all + of(state), 0)

  const paint = (columns: number) =>
    Effect.gen(function*() {
      const [first] = running
      if (first === undefined) return
      const at = yield* Clock.currentTimeMillis
      // What an earlier run had fetched tells nothing of this run's rate.
      const bytes = sum(({ received, resumedFrom }) => received - resumedFrom)
      samples.push({ at, bytes })
      while (samples.length > 2 && at - samples[0]!.at > rateWindow) samples.shift()
      const elapsed = at - samples[0]!.at
      const finished = running.filter(({ state }) => state.total > 0 && state.received >= state.total).length
      const line = formatProgress({
        label: running.length === 1 ? first.name : `${finished} of ${running.length} cores`,
        done: sum(({ received }) => received),
        total: sum(({ total }) => total),
        // Nothing yet is no rate: what an earlier run left may have to be read first.
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
