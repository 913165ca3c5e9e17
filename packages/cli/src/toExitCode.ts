import { Cause, Exit } from "effect"
import { CliError } from "effect/cli"
import { CommandError, exitCodes } from "./text/CommandError.ts"

/** The exit code of a command. */
export const toExitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit)) return exitCodes.ok
  const error = Cause.findErrorOption(exit.cause)
  if (error._tag === "Some") {
    if (error.value instanceof CommandError) return error.value.exitCode
    return CliError.isCliError(error.value) ? exitCodes.usage : exitCodes.failed
  }
  return Cause.hasInterruptsOnly(exit.cause) ? exitCodes.interrupted : exitCodes.failed
}
