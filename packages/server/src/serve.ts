/** An app on an address, with everything around it: access log, ops port, shutdown. */
import type { Authorization, Authorizer, CoreSource } from "@koredump/core"
import { Deferred, type Duration, Effect, Layer } from "effect"
import { HttpRouter, HttpServer, type HttpServerError } from "effect/http"
import { Admission } from "./Admission.ts"
import type { AppOptions } from "./AppOptions.ts"
import { accessLog } from "./http/accessLog.ts"
import { layerHttpServer, type TlsPair } from "./http/layerHttpServer.ts"
import { layerRequireHost } from "./http/requireHost.ts"
import { layerHttpApp, routerConfig } from "./httpApp.ts"
import type { ListenAddress } from "./listenAddress.ts"
import { layerOpsApp } from "./opsApp.ts"

/** How to serve. */
export interface ServeOptions extends AppOptions {
  readonly listen: ListenAddress
  readonly opsListen?: ListenAddress
  readonly tls?: TlsPair
  readonly gracePeriod: Duration.Input
  /** Runs once the address is known and requests are answered. */
  readonly listening: (address: string) => Effect.Effect<void>
}

const serving = { disableListenLog: true, disableLogger: true, routerConfig }

const url = (server: HttpServer.HttpServer["Service"], tls: boolean): string => {
  const address = HttpServer.formatAddress(server.address)
  return tls ? address.replace(/^http:/, "https:") : address
}

/**
 * Serves the source that it is given until its scope ends. Then it stops accepting, ends the watches, and gives running
 * downloads the grace period. `extra` are further layers on the app's router.
 */
export const layerServe = (
  options: ServeOptions,
  extra: Layer.Layer<never, never, HttpRouter.HttpRouter> = Layer.empty
): Layer.Layer<never, HttpServerError.ServeError, Authorization | Authorizer | CoreSource> => {
  // The first line of the log is that of the address.
  const announced = Deferred.makeUnsafe<void>()
  const ops = options.opsListen === undefined
    ? Layer.empty
    : Layer.effectDiscard(
      Effect.flatMap(HttpServer.HttpServer, (server) =>
        Deferred.await(announced).pipe(
          Effect.andThen(Effect.logInfo(`Probes and metrics at ${url(server, false)}`)),
          Effect.forkScoped
        ))
    ).pipe(
      Layer.provide(HttpRouter.serve(layerOpsApp, serving)),
      Layer.provide(layerHttpServer(options.opsListen, "1 second", undefined))
    )
  // Acquired last, so released first: watches end before the server waits for what runs.
  const running = Layer.effectDiscard(Effect.gen(function*() {
    const admission = yield* Admission
    yield* Effect.addFinalizer(() => admission.close)
    yield* options.listening(url(yield* HttpServer.HttpServer, options.tls !== undefined))
    yield* Deferred.succeed(announced, undefined)
  }))
  const app = Layer.mergeAll(layerHttpApp(options), layerRequireHost, extra)
  return running.pipe(
    Layer.provide(HttpRouter.serve(app, { ...serving, middleware: accessLog })),
    Layer.provide(layerHttpServer(options.listen, options.gracePeriod, options.tls)),
    // Probes and metrics are there until the last download has ended.
    Layer.provide(ops)
  )
}
