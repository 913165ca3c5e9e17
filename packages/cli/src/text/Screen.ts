/** Where output goes: data to stdout, everything said to the person to stderr. */
import { Config, Console, Context, Effect, Layer, Option } from "effect"
import { type CliError, CliOutput } from "effect/cli"
import { createInterface } from "node:readline"
import { visible } from "./escape.ts"

/** One of the two streams, if it is a terminal. */
export interface TerminalSize {
  readonly columns: number
}

// Asked anew each time: windows change their size.
const sizeOf = (stream: NodeJS.WriteStream): TerminalSize | undefined =>
  stream.isTTY
    ? {
      get columns() {
        return stream.columns || 80
      }
    }
    : undefined

/** Asks on stderr and reads a line from stdin. */
const askOnTerminal = (question: string): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    // The terminal does the editing, and Ctrl-C stays a signal.
    const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false })
    lines.once("close", () => resume(Effect.succeed(false)))
    lines.question(`${question} [y/N] `, (answer) => {
      resume(Effect.succeed(/^\s*y(es)?\s*$/i.test(answer)))
      lines.close()
    })
    return Effect.sync(() => lines.close())
  })

/** What is known of the terminal, if there is one. */
export class Screen extends Context.Service<Screen, {
  readonly stdout: TerminalSize | undefined
  readonly stderr: TerminalSize | undefined
  /** Whether terminals get colors. */
  readonly color: boolean
  /** Writes to stderr without a line end, for progress. */
  readonly draw: (text: string) => Effect.Effect<void>
  /** Asks the person at the terminal; no unless yes is said. Undefined where nobody can answer. */
  readonly confirm: ((question: string) => Effect.Effect<boolean>) | undefined
}>()("@koredump/cli/Screen") {
  /** This process's own streams. `NO_COLOR` and `TERM=dumb` are respected. */
  static readonly layer = Layer.effect(
    Screen,
    Effect.gen(function*() {
      const noColor = yield* Config.option(Config.String("NO_COLOR"))
      const term = yield* Config.option(Config.String("TERM"))
      return Screen.of({
        stdout: sizeOf(process.stdout),
        stderr: sizeOf(process.stderr),
        color: Option.getOrElse(noColor, () => "") === "" && Option.getOrUndefined(term) !== "dumb",
        draw: (text) => Effect.sync(() => process.stderr.write(text)),
        confirm: process.stdin.isTTY && process.stderr.isTTY ? askOnTerminal : undefined
      })
    }).pipe(Effect.orDie)
  )
}

/** Prints data. */
export const print = (text: string): Effect.Effect<void> => text === "" ? Effect.void : Console.log(text)

/** Says something that is no data and no error: a sentence on stderr, yellow on a terminal. */
export const note = (sentence: string): Effect.Effect<void, never, Screen> =>
  Screen.use(({ color, stderr }) => Console.error(painted(sentence, 33, color && stderr !== undefined)))

/** Says what went wrong, and what to do about it. */
export const complain = (message: string, hint: string | undefined): Effect.Effect<void, never, Screen> =>
  Screen.use(({ color, stderr }) =>
    Console.error([
      `${painted("koredumpctl:", 31, color && stderr !== undefined)} ${message}`,
      ...(hint === undefined ? [] : [`  ${hint}`])
    ].join("\n"))
  )

/** Text in a color (of the terminal's first sixteen, or 1 for bold, 2 for faint). */
export const painted = (text: string, color: number, paint: boolean): string =>
  paint ? `\u001b[${color}m${text}\u001b[0m` : text

const hintFor = (error: CliError.CliError | undefined): string | undefined =>
  error !== undefined && "suggestions" in error && error.suggestions.length > 0
    ? `Did you mean ${error.suggestions.join(" or ")}?`
    : undefined

/** Errors of the command line as one sentence with a hint, instead of the whole help. */
export const layerPresenter = Layer.effect(
  CliOutput.Presenter,
  Effect.map(Screen, (screen) => ({
    present: (event) => {
      switch (event._tag) {
        case "InvalidInvocation": {
          const [error] = event.errors
          return complain(
            visible((error?.message ?? "The command line is not valid").split("\n")[0]!.replace(/\.?$/, ".")),
            hintFor(error) ?? `See: ${event.commandPath.join(" ")} --help`
          ).pipe(Effect.provideService(Screen, screen))
        }
        case "Help":
          return event.reason === "Requested"
            ? CliOutput.defaultPresenter.present(event)
            : complain(
              "Say what to do: list, info, get, delete, nodes, status or version.",
              `See: ${event.commandPath.join(" ")} --help`
            )
              .pipe(
                Effect.provideService(Screen, screen)
              )
        case "Version":
          return Console.log(event.version)
      }
    }
  } satisfies CliOutput.Presenter))
)
