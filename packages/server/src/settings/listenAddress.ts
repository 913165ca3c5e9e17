/** Addresses to listen on. */
import { isLoopbackHost } from "@koredump/core"
import { Effect, Option, Result } from "effect"
import { failSettings, type SettingsError } from "./SettingsError.ts"
import { variableName } from "./variableName.ts"

/** A TCP address, or the path of a Unix socket. */
export type ListenAddress =
  | { readonly host: string; readonly port: number; readonly loopback: boolean }
  | { readonly path: string; readonly loopback: true }

/**
 * Parses `HOST:PORT`, `[::1]:PORT`, `:PORT` (all IPv4 addresses) or `unix:PATH`. Port 0 selects a free port. The error is
 * a text without a period.
 */
export const parseListenAddress = (text: string): Result.Result<ListenAddress, string> => {
  if (text.startsWith("unix:")) {
    const path = text.slice("unix:".length)
    return path === "" ? Result.fail("missing path after \"unix:\"") : Result.succeed({ path, loopback: true })
  }
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]/\s]*)):(\d{1,5})$/.exec(text)
  const port = Number(match?.[3])
  if (match === null || port > 65_535) {
    return Result.fail(`invalid address "${text}" (examples: 127.0.0.1:5000, [::1]:5000, unix:/run/koredump.sock)`)
  }
  const host = match[1] ?? (match[2] === "" ? "0.0.0.0" : match[2]!)
  return Result.succeed({ host, port, loopback: isLoopbackHost(host) })
}

/** Parses the value of the flag `--name`. */
export const parseListenFlag = (name: string, text: string): Effect.Effect<ListenAddress, SettingsError> =>
  Result.match(parseListenAddress(text), {
    onFailure: (reason) => failSettings(`--${name} (${variableName(name)}): ${reason}.`),
    onSuccess: Effect.succeed
  })

/** Parses the value of `--ops-listen`. Without a value there is no ops port. */
export const parseOpsListenFlag = (
  text: Option.Option<string>
): Effect.Effect<{ readonly opsListen?: ListenAddress }, SettingsError> =>
  Option.match(text, {
    onNone: () => Effect.succeed({}),
    onSome: (text) => Effect.map(parseListenFlag("ops-listen", text), (opsListen) => ({ opsListen }))
  })
