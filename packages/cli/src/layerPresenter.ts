import { Console, Context, Effect, Layer } from "effect"
import { type CliError, CliOutput } from "effect/cli"
import { escapeHidden } from "./text/escape.ts"
import { printError } from "./text/messages.ts"
import { Screen } from "./text/Screen.ts"
import { toSentence } from "./text/sentence.ts"
import { wrapHelp } from "./text/wrapHelp.ts"

/** Columns of a help page that is not printed to a terminal. */
const defaultWidth = 80

const describeError = (error: CliError.CliError | undefined): string => {
  switch (error?._tag) {
    case undefined:
      return "Invalid command line"
    case "UnrecognizedOption":
      return `Unknown flag: ${error.option}`
    case "UnknownSubcommand":
      return `Unknown command: ${error.subcommand}`
    default:
      return error!.message.split("\n")[0]!
  }
}

const maxSuggestions = 3

/** More suggestions are all similar to a flag of one letter, and do not help. */
const suggestionHint = (error: CliError.CliError | undefined): string | undefined =>
  error !== undefined && "suggestions" in error && error.suggestions.length > 0 &&
    error.suggestions.length <= maxSuggestions
    ? `Did you mean ${error.suggestions.join(" or ")}?`
    : undefined

/**
 * Prints help pages that fit the terminal, and errors of the command line as one sentence with a hint (the default is the
 * whole help page).
 */
export const layerPresenter = Layer.effect(
  CliOutput.Presenter,
  Effect.map(Screen, (screen) => {
    const printUsageError = (message: string, hint: string) =>
      Effect.provideService(printError(message, hint), Screen, screen)
    return {
      present: Effect.fnUntraced(function*(event) {
        switch (event._tag) {
          case "InvalidInvocation": {
            const [error] = event.errors
            return yield* printUsageError(
              toSentence(escapeHidden(describeError(error))),
              suggestionHint(error) ?? `See: ${event.commandPath.join(" ")} --help`
            )
          }
          case "Help": {
            if (event.reason !== "Requested") {
              return yield* printUsageError(
                "No command specified.",
                `Use list, info, get, delete, nodes, status or version. See: ${event.commandPath.join(" ")} --help`
              )
            }
            const formatter = Context.getOrUndefined(yield* Effect.context<never>(), CliOutput.Formatter) ??
              CliOutput.defaultFormatter({ colors: screen.color && screen.stdout !== undefined })
            return yield* Console.log(
              wrapHelp(formatter.formatHelpDoc(event.helpDoc), screen.stdout?.columns ?? defaultWidth)
            )
          }
          case "Version":
            return yield* Console.log(event.version)
        }
      })
    } satisfies CliOutput.Presenter
  })
)
