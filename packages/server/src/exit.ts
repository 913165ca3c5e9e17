/** How the server ends: 0 when told to, 2 where its settings are wrong, else 1; with a sentence on stderr. */
import { Cause, Console, Effect, Exit, Option } from "effect"
import { CliError } from "effect/cli"
import { HttpServerError } from "effect/http"
import { SettingsError } from "./SettingsError.ts"

const isUsage = (error: unknown) => error instanceof SettingsError || CliError.isCliError(error)

/** The exit code of a run. A server that was interrupted (SIGTERM, SIGINT) ended as it should. */
export const exitCodeOf = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return 0
  return Option.exists(Cause.findErrorOption(exit.cause), isUsage) ? 2 : 1
}

/** Says why the server cannot run; the command line's own errors have been said. */
export const sayWhy = (error: unknown): Effect.Effect<void> => {
  if (CliError.isCliError(error)) return Effect.void
  if (error instanceof SettingsError) return Console.error(`koredump-server: ${error.message}`)
  if (error instanceof HttpServerError.ServeError) {
    const { cause } = error
    return Console.error(`koredump-server: it cannot listen: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  return Console.error(`koredump-server: ${String(error)}`)
}
