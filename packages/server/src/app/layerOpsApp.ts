import { Authenticator, Authorizer, ClusterReadiness, CoreSource, type NodeStatus, type Problem } from "@koredump/core"
import { Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { layerErrors } from "../middleware/layerErrors.ts"
import { ResourceUsage } from "../middleware/ResourceUsage.ts"
import { makeRoutes } from "../middleware/routes.ts"

/**
 * Why the server is not ready, and what is degraded. Probes send no token, so the sentences contain only numbers: never a
 * text from the source, from the Kubernetes API or from a file, which can name cores, nodes, servers and accounts. The
 * log and `/apiv1/nodes` have the details.
 */
interface Readiness {
  readonly notReady: ReadonlyArray<string>
  readonly warnings: ReadonlyArray<string>
}

/** A server of one host is ready after it has read the cores for the first time, degraded or not. */
const getHostReadiness = (nodes: ReadonlyArray<NodeStatus>): Readiness => {
  const count = nodes.reduce((sum, { warnings = [] }) => sum + warnings.length, 0)
  return {
    notReady: nodes.some(({ state }) => state === "syncing") ? ["the cores are being read for the first time"] : [],
    warnings: count === 0
      ? []
      : [`The host has ${count} ${count === 1 ? "problem" : "problems"}. See the log or "koredumpctl status".`]
  }
}

/** A cluster server is ready after each node has answered or failed once. */
const getClusterReadiness = (cluster: ClusterReadiness["Service"], source: CoreSource["Service"]) =>
  Effect.gen(function*(): Effect.fn.Return<Readiness, Problem> {
    const waiting = yield* cluster.waiting
    const warnings = (yield* cluster.degradedReason) === undefined ? [] : [degraded("Node discovery")]
    if (waiting !== undefined) return { notReady: [waiting], warnings }
    const nodes = yield* source.nodes
    const unreachable = nodes.filter(({ state }) => state === "unreachable").length
    return {
      notReady: [],
      warnings: unreachable === 0
        ? warnings
        : [...warnings, `${unreachable} of ${nodes.length} nodes unreachable. See "koredumpctl nodes".`]
    }
  })

const degraded = (what: string) => `${what} is degraded. See the log.`

const getReadiness = (source: CoreSource["Service"], cluster: Option.Option<ClusterReadiness["Service"]>) =>
  Option.match(cluster, {
    onNone: () => Effect.map(source.nodes, getHostReadiness),
    onSome: (cluster) => getClusterReadiness(cluster, source)
  }).pipe(
    Effect.orElseSucceed((): Readiness => ({ notReady: ["the state of the nodes is unknown"], warnings: [] }))
  )

type AccessService = Pick<Authenticator["Service"] | Authorizer["Service"], "degradedReason">

/** Whether authentication or authorization is degraded. */
const getAccessWarnings = (services: Readonly<Record<string, Option.Option<AccessService>>>) =>
  Effect.map(
    Effect.forEach(Object.entries(services), ([name, service]) =>
      Effect.map(
        Option.getOrUndefined(service)?.degradedReason ?? Effect.undefined,
        (reason) => reason === undefined ? [] : [degraded(name)]
      )),
    (warnings) => warnings.flat()
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
    const accessWarnings = getAccessWarnings({
      Authentication: yield* Effect.serviceOption(Authenticator),
      Authorization: yield* Effect.serviceOption(Authorizer)
    })
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
