import { Authenticator, Authorizer, ClusterReadiness, CoreSource, type NodeStatus, type Problem } from "@koredump/core"
import { Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { layerErrors } from "../middleware/layerErrors.ts"
import { ResourceUsage } from "../middleware/ResourceUsage.ts"
import { makeRoutes } from "../middleware/routes.ts"

/** Why the server is not ready, and what is degraded. Sentences for operators. */
interface Readiness {
  readonly notReady: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
}

/** A server of one host is ready after it has read the cores for the first time, degraded or not. */
const getHostReadiness = (nodes: ReadonlyArray<NodeStatus>): Readiness => ({
  notReady: nodes.filter(({ state }) => state === "syncing").map(({ name }) => `${name} is syncing`),
  warnings: nodes.flatMap(({ name, warnings }) => (warnings ?? []).map((text) => `${name}: ${text}`))
})

/** A cluster server is ready after each node has answered or failed once. The names of nodes require authentication. */
const getClusterReadiness = (cluster: ClusterReadiness["Service"], source: CoreSource["Service"]) =>
  Effect.gen(function*(): Effect.fn.Return<Readiness, Problem> {
    const waiting = yield* cluster.waiting
    const degradedReason = yield* cluster.degradedReason
    const warnings = degradedReason === undefined ? [] : [degradedReason]
    if (waiting !== undefined) return { notReady: [waiting], warnings }
    const nodes = yield* source.nodes
    const unreachable = nodes.filter(({ state }) => state === "unreachable").length
    return {
      notReady: [],
      warnings: unreachable === 0 ? warnings : [...warnings, `${unreachable} of ${nodes.length} nodes unreachable`]
    }
  })

const getReadiness = (source: CoreSource["Service"], cluster: Option.Option<ClusterReadiness["Service"]>) =>
  Option.match(cluster, {
    onNone: () => Effect.map(source.nodes, getHostReadiness),
    onSome: (cluster) => getClusterReadiness(cluster, source)
  }).pipe(
    Effect.catch(({ message }) => Effect.succeed<Readiness>({ notReady: [message], warnings: [] }))
  )

/** Why authentication and authorization are degraded. If the Kubernetes API is unreachable, both have the same reason. */
const getAccessWarnings = (
  services: ReadonlyArray<Option.Option<Pick<Authenticator["Service"] | Authorizer["Service"], "degradedReason">>>
) =>
  Effect.map(
    Effect.forEach(services, (service) => Option.getOrUndefined(service)?.degradedReason ?? Effect.undefined),
    (reasons) => [...new Set(reasons.filter((reason) => reason !== undefined))]
  )

const toResponse = ({ notReady, warnings }: Readiness) =>
  HttpServerResponse.text(
    [
      ...(notReady.length === 0 ? ["ready"] : notReady.map((text) => `not ready: ${text}`)),
      ...warnings.map((text) => `warning: ${text}`),
      ""
    ].join("\n"),
    { status: notReady.length === 0 ? 200 : 503 }
  )

/**
 * The routes of the ops port: liveness, readiness and metrics. Probes and Prometheus send no tokens, so these routes
 * reveal nothing about cores.
 */
export const layerOpsApp: Layer.Layer<never, never, CoreSource | HttpRouter.HttpRouter> = Layer.mergeAll(
  HttpRouter.add("GET", "/livez", HttpServerResponse.text("ok\n")),
  HttpRouter.use(Effect.fnUntraced(function*(router) {
    const readiness = getReadiness(yield* CoreSource, yield* Effect.serviceOption(ClusterReadiness))
    const accessWarnings = getAccessWarnings([
      yield* Effect.serviceOption(Authenticator),
      yield* Effect.serviceOption(Authorizer)
    ])
    const usage = yield* ResourceUsage
    const handler = Effect.gen(function*() {
      const { notReady, warnings } = yield* readiness
      return toResponse({ notReady, warnings: [...warnings, ...yield* accessWarnings, ...yield* usage.warnings] })
    })
    yield* router.add("GET", "/readyz", handler)
  })),
  PrometheusMetrics.layerHttp({ path: "/metrics" }),
  layerErrors(makeRoutes(["/livez", "/readyz", "/metrics"].map((path) => ["GET", path] as const)))
)
