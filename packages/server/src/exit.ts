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

const sayFailure = (error: unknown): Effect.Effect<void> => {
  if (CliError.isCliError(error)) return Effect.void
  if (error instanceof SettingsError) return Console.error(`koredump-server: ${error.message}`)
  if (error instanceof HttpServerError.ServeError) {
    const { cause } = error
    return Console.error(`koredump-server: it cannot listen: ${cause instanceof Error ? cause.message : String(cause)}`)
  }
  return Console.error(`koredump-server: ${String(error)}`)
}

/** Says why the server cannot run, or what it died of; the command line's own errors have been said. */
export const sayWhy = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  self.pipe(
    Effect.tapError(sayFailure),
    Effect.tapDefect((defect) =>
      Console.error(
        `koredump-server: unexpected: ${defect instanceof Error ? defect.stack ?? defect.message : String(defect)}`
      )
    )
  )
