import { Config, Context, Effect, Layer, Option } from "effect"
import { createInterface } from "node:readline"

/** The size of a terminal. */
interface TerminalSize {
  readonly columns: number
}

// A getter, because the user can resize the window.
const toTerminalSize = (stream: NodeJS.WriteStream): TerminalSize | undefined =>
  stream.isTTY
    ? {
      get columns() {
        return stream.columns || 80
      }
    }
    : undefined

const confirmOnTerminal = (question: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    // `terminal: false`, so that the terminal edits the line and Ctrl-C stays a signal.
    const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
    lines.once("close", () => resume(Effect.succeed(false)))
    lines.question(`${question} [y/N] `, (answer) => {
      resume(Effect.succeed(/^\s*y(es)?\s*$/i.test(answer)))
      lines.close()
    })
    return Effect.sync(() => lines.close())
  })

/** The terminal, if there is one. Data goes to stdout, everything else to stderr. */
export class Screen extends Context.Service<Screen, {
  /** Undefined if stdout is not a terminal. */
  readonly stdout: TerminalSize | undefined
  /** Undefined if stderr is not a terminal. */
  readonly stderr: TerminalSize | undefined
  /** Whether output to a terminal is colored. */
  readonly color: boolean
  /** Writes to stderr without a line end, for progress. */
  readonly draw: (text: string) => Effect.Effect<void>
  /** Asks a question on stderr and reads the answer from stdin. Undefined if one of them is not a terminal. */
  readonly confirm: ((question: string) => Effect.Effect<boolean>) | undefined
}>()("@koredump/cli/Screen") {
  /** The streams of this process. Respects `NO_COLOR` and `TERM=dumb`. */
  static readonly layer = Layer.effect(
    Screen,
    Effect.gen(function*() {
      const noColor = yield* Config.option(Config.String("NO_COLOR"))
      const term = yield* Config.option(Config.String("TERM"))
      return Screen.of({
        stdout: toTerminalSize(process.stdout),
        stderr: toTerminalSize(process.stderr),
        color: Option.getOrElse(noColor, () => "") === "" && Option.getOrUndefined(term) !== "dumb",
        draw: (text) => Effect.sync(() => process.stderr.write(text)),
        confirm: process.stdin.isTTY && process.stderr.isTTY ? confirmOnTerminal : undefined
      })
    }).pipe(Effect.orDie)
  )
}
