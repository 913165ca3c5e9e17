/** The contract of all sources, for a client and a server over HTTP. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { describe, it } from "@effect/vitest"
import { layerRemoteCoreSource } from "@koredump/client/effect"
import { layerNodeHttp } from "@koredump/client/node"
import { coreSourceContract, FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { Effect, Layer } from "effect"
import { FetchHttpClient, type HttpClient, HttpRouter, HttpServer } from "effect/http"
import { createServer } from "node:http"
import { layerHttpApp, layerNoAuthorization, routerConfig } from "../src/index.ts"

/** A client of a server over the fake source. */
const layerClient = (client: Layer.Layer<HttpClient.HttpClient>) =>
  Layer.unwrap(Effect.gen(function*() {
    const address = (yield* HttpServer.HttpServer).address
    const port = address._tag === "UnixPathAddress" ? 0 : address.port
    return Layer.effect(FakeCores, FakeCores).pipe(
      Layer.merge(layerRemoteCoreSource({ url: `http://127.0.0.1:${port}` }).pipe(Layer.provide(client)))
    )
  })).pipe(
    Layer.provide(
      HttpRouter.serve(layerHttpApp().pipe(Layer.provide(layerNoAuthorization)), {
        disableListenLog: true,
        disableLogger: true,
        routerConfig
      })
    ),
    Layer.provide(NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })),
    Layer.provide(layerFakeCoreSource())
  )

describe.each([
  ["fetch", FetchHttpClient.layer],
  ["node:http", layerNodeHttp("http://127.0.0.1")]
])("RemoteCoreSource over %s", (_, client) => {
  for (const { name, run, waits } of coreSourceContract) {
    const provided = run.pipe(Effect.provide(layerClient(client)))
    if (waits) it.effect(name, () => provided)
    else it.live(name, () => Effect.timeout(provided, "10 seconds"))
  }
})
