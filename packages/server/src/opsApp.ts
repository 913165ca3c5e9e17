/** The ops port: liveness, readiness, metrics. For the cluster's own eyes, so without tokens; it tells no core. */
import { CoreSource } from "@koredump/core"
import { Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { layerErrors } from "./http/errors.ts"
import { makeRoutes } from "./http/routes.ts"

/** Ready when all nodes are; what lacks is told in words, and keeps no server from being ready. */
const readiness = (source: CoreSource["Service"]) =>
  source.nodes.pipe(
    Effect.map((nodes) => {
      const waiting = nodes.filter(({ state }) => state === "syncing").map(({ name }) =>
        `not ready: ${name} is syncing`
      )
      const lacking = nodes.flatMap(({ name, warnings }) => (warnings ?? []).map((text) => `warning: ${name}: ${text}`))
      const status = waiting.length === 0 ? 200 : 503
      return HttpServerResponse.text([...(status === 200 ? ["ready"] : waiting), ...lacking, ""].join("\n"), { status })
    }),
    Effect.catch(({ message }) => Effect.succeed(HttpServerResponse.text(`not ready: ${message}\n`, { status: 503 })))
  )

/** The routes of the ops port. */
export const layerOpsApp: Layer.Layer<never, never, CoreSource | HttpRouter.HttpRouter> = Layer.mergeAll(
  HttpRouter.add("GET", "/livez", HttpServerResponse.text("ok\n")),
  HttpRouter.use((router) => Effect.flatMap(CoreSource, (source) => router.add("GET", "/readyz", readiness(source)))),
  PrometheusMetrics.layerHttp({ path: "/metrics" }),
  layerErrors(makeRoutes(["/livez", "/readyz", "/metrics"].map((path) => ["GET", path] as const)))
)
