import type { Authorization, Authorizer, CoreSource } from "@koredump/core"
import { Deferred, Effect, Layer, Option } from "effect"
import type { HttpRouter } from "effect/http"
import { detectMemoryLimit, toMaxConnections, toMaxIndexBytes } from "../admission/memory.ts"
import { layerServe, type ServeOptions } from "../app/layerServe.ts"
import { parseDurationFlag } from "../settings/duration.ts"
import { layerLogging, type LogLevelName } from "../settings/logging.ts"
import { parseMemoryLimitFlag } from "../settings/memoryLimit.ts"
import type { SettingsError } from "../settings/SettingsError.ts"

/** The values of `commonFlags`. */
interface CommonSettings {
  readonly logLevel: LogLevelName
  readonly logFormat: Option.Option<"json" | "pretty">
  readonly gracePeriod: string
  readonly maxDownloads: number
  readonly maxWatches: number
  readonly maxChanges: number
  readonly memoryLimit: Option.Option<string>
}

/** What differs between the modes of the server. */
export interface ServerMode extends Pick<ServeOptions, "listen" | "opsListen" | "tls" | "node" | "callerShare"> {
  readonly mode: "local" | "node" | "cluster"
  readonly authorization: Layer.Layer<Authorization | Authorizer, SettingsError>
  /** More middleware for the main port. */
  readonly middleware?: Layer.Layer<never, never, HttpRouter.HttpRouter>
  /** Runs after the server listens, before it reads cores. */
  readonly onListening?: Effect.Effect<void>
}

/** What a source gets from the server. */
export interface SourceStart {
  /** Ends when the source can begin to read cores. */
  readonly begin: Effect.Effect<void>
  /** The memory of the index. */
  readonly maxIndexBytes: number
}

/**
 * Serves the source that `makeSource` returns, until it is interrupted. The first log entry contains the address, so the
 * source waits for `begin` before it does anything that could be logged.
 */
export const launchServer = <E, R>(
  settings: CommonSettings,
  { authorization, middleware, mode, onListening, ...serveOptions }: ServerMode,
  makeSource: (start: SourceStart) => Layer.Layer<CoreSource, E, R>
) =>
  Effect.gen(function*() {
    const format = Option.getOrElse(settings.logFormat, () => process.stdout.isTTY ? "pretty" : "json")
    const gracePeriod = yield* parseDurationFlag("grace-period", settings.gracePeriod)
    const memoryLimit = Option.isNone(settings.memoryLimit)
      ? detectMemoryLimit()
      : yield* parseMemoryLimitFlag(settings.memoryLimit.value)
    const begin = yield* Deferred.make<void>()
    // Only this user can access files that are created from here on, in particular the socket.
    if ("path" in serveOptions.listen) process.umask(0o177)
    const server = layerServe({
      ...serveOptions,
      gracePeriod,
      maxDownloads: settings.maxDownloads,
      maxWatches: settings.maxWatches,
      memoryLimit,
      maxConnections: toMaxConnections(memoryLimit, serveOptions.tls !== undefined),
      onListening: Effect.fnUntraced(function*(address) {
        const { node } = serveOptions
        yield* Effect.logInfo("Server listening").pipe(
          Effect.annotateLogs({ address, mode, ...(node === undefined ? {} : { node }) })
        )
        yield* onListening ?? Effect.void
        yield* Deferred.succeed(begin, undefined)
      })
    }, middleware)
    return yield* Layer.launch(server.pipe(
      Layer.provide([
        makeSource({ begin: Deferred.await(begin), maxIndexBytes: toMaxIndexBytes(memoryLimit) }),
        authorization
      ]),
      Layer.provide(layerLogging(settings.logLevel, format))
    ))
  })
