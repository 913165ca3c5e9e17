/** A server of this host's cores, from its settings. */
import type { Authorization } from "@koredump/core"
import { hostNameAt, layerSystemdCoreSource } from "@koredump/node-source"
import { Config, Deferred, Duration, Effect, Layer, Option, Result } from "effect"
import type { HttpRouter } from "effect/http"
import { type ListenAddress, parseListenAddress } from "./listenAddress.ts"
import { layerLogging, type LogLevelName } from "./logging.ts"
import { layerServe, type ServeOptions } from "./serve.ts"
import { SettingsError } from "./SettingsError.ts"

/** The settings that all servers of one host have, as flags give them. */
export interface HostSettings {
  readonly logLevel: LogLevelName
  readonly logFormat: Option.Option<"json" | "pretty">
  readonly gracePeriod: string
  readonly maxDownloads: number
  readonly maxWatches: number
  readonly root: string
  readonly coredumpDir: Option.Option<string>
  readonly nodeName: Option.Option<string>
  readonly maxCores: number
  readonly allowDelete: boolean
}

/** The address that a setting names. */
export const listenAddress = (name: string, text: string): Effect.Effect<ListenAddress, SettingsError> =>
  Result.match(parseListenAddress(text), {
    onFailure: (why) => Effect.fail(new SettingsError({ message: `--${name}: ${why}.` })),
    onSuccess: Effect.succeed
  })

const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

const gracePeriod = (text: string): Effect.Effect<Duration.Duration, SettingsError> => {
  const match = /^(\d{1,9})(ms|s|m|h)$/.exec(text)
  return match === null
    ? Effect.fail(new SettingsError({ message: `--grace-period: "${text}" is no duration such as 30s or 2m.` }))
    : Effect.succeed(Duration.millis(Number(match[1]) * units[match[2]!]!))
}

/** What a mode adds to the settings of the host. */
export interface HostMode {
  readonly listen: ListenAddress
  readonly opsListen?: ListenAddress
  readonly tls?: ServeOptions["tls"]
  readonly authorization: Layer.Layer<Authorization, SettingsError>
  readonly extra?: Layer.Layer<never, never, HttpRouter.HttpRouter>
  /** Logged behind the address. */
  readonly warning?: string
}

/** Serves this host's cores. The first line of the log has the address. */
export const layerHostServer = (settings: HostSettings, mode: HostMode) =>
  Layer.unwrap(Effect.gen(function*() {
    const named = yield* Effect.orDie(Config.option(Config.NonEmptyString("NODE_NAME")))
    const node = Option.getOrElse(Option.orElse(settings.nodeName, () => named), () => hostNameAt(settings.root))
    const format = Option.getOrElse(settings.logFormat, () => process.stdout.isTTY ? "pretty" : "json")
    const grace = yield* gracePeriod(settings.gracePeriod)
    const begin = yield* Deferred.make<void>()
    // Whatever is created from here on, the socket above all, is for this user alone.
    if ("path" in mode.listen) process.umask(0o177)
    const source = layerSystemdCoreSource({
      root: settings.root,
      ...Option.match(settings.coredumpDir, { onNone: () => ({}), onSome: (coredumpDir) => ({ coredumpDir }) }),
      nodeName: node,
      allowDelete: settings.allowDelete,
      maxCores: settings.maxCores,
      begin: Deferred.await(begin)
    })
    const listening = (address: string) =>
      Effect.logInfo(`koredump serves node ${node} at ${address}`).pipe(
        Effect.annotateLogs({ address, node }),
        Effect.andThen(mode.warning === undefined ? Effect.void : Effect.logWarning(mode.warning)),
        Effect.andThen(Deferred.succeed(begin, undefined)),
        Effect.asVoid
      )
    return layerServe({
      node,
      listen: mode.listen,
      gracePeriod: grace,
      maxDownloads: settings.maxDownloads,
      maxWatches: settings.maxWatches,
      listening,
      ...(mode.opsListen === undefined ? {} : { opsListen: mode.opsListen }),
      ...(mode.tls === undefined ? {} : { tls: mode.tls })
    }, mode.extra).pipe(
      Layer.provide([source, mode.authorization]),
      Layer.provide(layerLogging(settings.logLevel, format))
    )
  }))
