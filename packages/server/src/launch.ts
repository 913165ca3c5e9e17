/** A server of any source, from the settings that all modes have: log, address, shutdown. */
import type { Authorization, Authorizer, CoreSource } from "@koredump/core"
import { Deferred, Duration, Effect, Layer, Option, Result } from "effect"
import type { HttpRouter } from "effect/http"
import { type ListenAddress, parseListenAddress } from "./listenAddress.ts"
import { layerLogging, type LogLevelName } from "./logging.ts"
import { layerServe, type ServeOptions } from "./serve.ts"
import { SettingsError } from "./SettingsError.ts"

/** The settings that all servers have, as flags give them. */
export interface CommonSettings {
  readonly logLevel: LogLevelName
  readonly logFormat: Option.Option<"json" | "pretty">
  readonly gracePeriod: string
  readonly maxDownloads: number
  readonly maxWatches: number
  readonly maxChanges: number
}

/** What a mode of the server settles. */
export interface ServerMode extends Pick<ServeOptions, "listen" | "opsListen" | "tls" | "node"> {
  readonly authorization: Layer.Layer<Authorization | Authorizer, SettingsError>
  readonly extra?: Layer.Layer<never, never, HttpRouter.HttpRouter>
  /** Logged behind the address. */
  readonly warning?: string
  /** What is served, for the first line of the log: `node worker-1`. */
  readonly serves: string
}

/** The address that a setting names. */
export const listenAddress = (name: string, text: string): Effect.Effect<ListenAddress, SettingsError> =>
  Result.match(parseListenAddress(text), {
    onFailure: (why) => Effect.fail(new SettingsError({ message: `--${name}: ${why}.` })),
    onSuccess: Effect.succeed
  })

/** The address of the ops port, if it is on. */
export const opsListenAddress = (
  text: Option.Option<string>
): Effect.Effect<{ readonly opsListen?: ListenAddress }, SettingsError> =>
  Option.match(text, {
    onNone: () => Effect.succeed({}),
    onSome: (text) => Effect.map(listenAddress("ops-listen", text), (opsListen) => ({ opsListen }))
  })

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The duration that a setting gives. */
export const duration = (name: string, text: string): Effect.Effect<Duration.Duration, SettingsError> => {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text)
  return match === null
    ? Effect.fail(new SettingsError({ message: `--${name}: "${text}" is no duration such as 30s or 2m.` }))
    : Effect.succeed(Duration.millis(Number(match[1]) * units[match[2]!]!))
}

/**
 * Serves the source that `sourceOf` makes. The first line of the log has the address: what the source does that may be
 * logged waits for `begin`.
 */
export const layerServer = <E, R>(
  settings: CommonSettings,
  { authorization, extra, serves, warning, ...mode }: ServerMode,
  sourceOf: (begin: Effect.Effect<void>) => Layer.Layer<CoreSource, E, R>
) =>
  Layer.unwrap(Effect.gen(function*() {
    const format = Option.getOrElse(settings.logFormat, () => process.stdout.isTTY ? "pretty" : "json")
    const grace = yield* duration("grace-period", settings.gracePeriod)
    const begin = yield* Deferred.make<void>()
    // Whatever is created from here on, the socket above all, is for this user alone.
    if ("path" in mode.listen) process.umask(0o177)
    const listening = (address: string) =>
      Effect.logInfo(`koredump serves ${serves} at ${address}`).pipe(
        Effect.annotateLogs({ address, ...(mode.node === undefined ? {} : { node: mode.node }) }),
        Effect.andThen(warning === undefined ? Effect.void : Effect.logWarning(warning)),
        Effect.andThen(Deferred.succeed(begin, undefined)),
        Effect.asVoid
      )
    return layerServe({
      ...mode,
      gracePeriod: grace,
      maxDownloads: settings.maxDownloads,
      maxWatches: settings.maxWatches,
      listening
    }, extra).pipe(
      Layer.provide([sourceOf(Deferred.await(begin)), authorization]),
      Layer.provide(layerLogging(settings.logLevel, format))
    )
  }))
