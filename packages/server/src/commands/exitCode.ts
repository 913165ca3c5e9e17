/** How the program ends: the exit code, and a sentence on stderr if it failed. */
import { errorCode, fileErrorText } from "@koredump/core"
import { Cause, Console, Effect, Exit, Option } from "effect"
import { CliError } from "effect/cli"
import { HttpServerError } from "effect/http"
import { existsSync } from "node:fs"
import { dirname } from "node:path"
import { SettingsError } from "../settings/SettingsError.ts"

const isUsageError = (error: unknown) => error instanceof SettingsError || CliError.isCliError(error)

/** The exit code: 2 for invalid settings, 1 for other failures. A signal (SIGTERM, SIGINT) is not a failure. */
export const toExitCode = (exit: Exit.Exit<unknown, unknown>): number => {
  if (Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause)) return 0
  return Option.exists(Cause.findErrorOption(exit.cause), isUsageError) ? 2 : 1
}

const listenErrors: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "address not available on this host",
  ENOTFOUND: "host name not found"
}

const describeListenError = (cause: unknown): string => {
  const { address = "the address", port = -1 } = cause as { readonly address?: string; readonly port?: number }
  // A Unix socket has the port -1.
  const target = port < 0 ? address : `${address.includes(":") ? `[${address}]` : address}:${port}`
  const code = errorCode(cause)
  // Node.js reports EACCES also if the directory of a socket does not exist.
  if (port < 0 && (code === "EACCES" || code === "ENOENT") && !existsSync(dirname(address))) {
    return `cannot listen on ${target}: the directory ${dirname(address)} does not exist. ` +
      "Create it, or choose another path with --listen."
  }
  const reason = code === undefined ? String(cause) : listenErrors[code] ?? fileErrorText(code)
  return `cannot listen on ${target}: ${reason}. Choose another address with --listen or --ops-listen.`
}

const describeError = (error: unknown): string => {
  if (error instanceof SettingsError) return error.message
  if (error instanceof HttpServerError.ServeError) return describeListenError(error.cause)
  return String(error)
}

/** Prints why the server failed. The command line library has already printed its own errors. */
export const reportFailure = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  self.pipe(
    Effect.tapError((error) =>
      CliError.isCliError(error) ? Effect.void : Console.error(`koredump-server: ${describeError(error)}`)
    ),
    Effect.tapDefect((defect) =>
      Console.error(
        `koredump-server: internal error: ${defect instanceof Error ? defect.stack ?? defect.message : String(defect)}`
      )
    )
  )
