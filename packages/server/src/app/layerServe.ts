import type { Authorization, Authorizer, CoreSource } from "@koredump/core"
import { Deferred, type Duration, Effect, Layer } from "effect"
import { HttpRouter, HttpServer, type HttpServerError } from "effect/http"
import { Admission } from "../admission/Admission.ts"
import { layerLoopbackOnly } from "../auth/loopback.ts"
import type { AppOptions } from "../handlers/AppOptions.ts"
import { withAccessLog } from "../middleware/accessLog.ts"
import { layerRequireHost } from "../middleware/layerRequireHost.ts"
import { makeResourceUsage, ResourceUsage } from "../middleware/ResourceUsage.ts"
import type { ListenAddress } from "../settings/listenAddress.ts"
import type { TlsPair } from "../settings/tls.ts"
import { layerHttpApp, routerConfig } from "./layerHttpApp.ts"
import { layerHttpServer } from "./layerHttpServer.ts"
import { layerOpsApp } from "./layerOpsApp.ts"

/** Options of a server. */
export interface ServeOptions extends AppOptions {
  readonly listen: ListenAddress
  /** Default: no ops port. */
  readonly opsListen?: ListenAddress
  /** Default: plain HTTP. */
  readonly tls?: TlsPair
  /**
   * Maximum open connections, unfinished TLS handshakes included. A new one replaces the connection that has been without
   * a request for the longest time. If there is none, it is refused. Default: 2048.
   */
  readonly maxConnections?: number
  /** How long running downloads can continue at shutdown. */
  readonly gracePeriod: Duration.Input
  /** Runs when the server answers requests at this URL. */
  readonly onListening: (url: string) => Effect.Effect<void>
}

/** Probes and Prometheus need few. */
const maxOpsConnections = 128

const serveOptions = { disableListenLog: true, disableLogger: true, routerConfig }

const formatUrl = (server: HttpServer.HttpServer["Service"], tls: boolean): string => {
  const url = HttpServer.formatAddress(server.address)
  return tls ? url.replace(/^http:/, "https:") : url
}

/**
 * Serves a source with access log and ops port, until its scope ends. Then it closes the port, ends watches, and waits for
 * running downloads until the grace period ends. `middleware` is added to the app's router.
 */
export const layerServe = (
  options: ServeOptions,
  middleware: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.empty
): Layer.Layer<never, HttpServerError.ServeError, Authorization | Authorizer | CoreSource> => {
  // "Server listening" must be the first log entry.
  const listening = Deferred.makeUnsafe<void>()
  const ops = options.opsListen === undefined
    ? Layer.empty
    : Layer.effectDiscard(
      Effect.flatMap(HttpServer.HttpServer, (server) =>
        Deferred.await(listening).pipe(
          Effect.andThen(Effect.logInfo("Ops server listening")),
          Effect.annotateLogs({ address: formatUrl(server, false) }),
          Effect.forkScoped
        ))
    ).pipe(
      Layer.provide(HttpRouter.serve(
        // The ops port has no tokens. Probes of other hosts use any name, but they cannot reach a loopback address.
        "host" in options.opsListen && options.opsListen.loopback
          ? Layer.merge(layerOpsApp, layerLoopbackOnly)
          : layerOpsApp,
        serveOptions
      )),
      Layer.provide(layerHttpServer(options.opsListen, {
        port: "ops",
        gracePeriod: "1 second",
        tls: undefined,
        maxConnections: maxOpsConnections
      }))
    )
  // Acquired last, so released first: watches end before the server waits for running requests.
  const running = Layer.effectDiscard(Effect.gen(function*() {
    const admission = yield* Admission
    yield* Effect.addFinalizer(() => admission.close)
    yield* options.onListening(formatUrl(yield* HttpServer.HttpServer, options.tls !== undefined))
    yield* Deferred.succeed(listening, undefined)
  }))
  const app = Layer.mergeAll(layerHttpApp(options), layerRequireHost, middleware)
  return running.pipe(
    Layer.provide(HttpRouter.serve(app, { ...serveOptions, middleware: withAccessLog })),
    Layer.provide(layerHttpServer(options.listen, {
      port: "main",
      gracePeriod: options.gracePeriod,
      tls: options.tls,
      maxConnections: options.maxConnections ?? 2048
    })),
    // The ops port answers until the last download has ended.
    Layer.provide(ops),
    Layer.provide(Layer.sync(ResourceUsage, makeResourceUsage))
  )
}
