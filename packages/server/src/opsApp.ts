/** The ops port: liveness, readiness, metrics. For the cluster's own eyes, so without tokens; it tells no core. */
import { Authenticator, Authorizer, ClusterReadiness, CoreSource, type NodeStatus, type Problem } from "@koredump/core"
import { Effect, Layer, Option } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { PrometheusMetrics } from "effect/observability"
import { layerErrors } from "./http/errors.ts"
import { makeRoutes } from "./http/routes.ts"

/** What keeps a server from being ready, and what only lacks, in words. */
interface Readiness {
  readonly waiting: ReadonlyArray<string>
  readonly degradedReason: ReadonlyArray<string>
}

/** A host is ready when it has been read; what it lacks keeps it from nothing. */
const hostReadiness = (nodes: ReadonlyArray<NodeStatus>): Readiness => ({
  waiting: nodes.filter(({ state }) => state === "syncing").map(({ name }) => `${name} is syncing`),
  degradedReason: nodes.flatMap(({ name, warnings }) => (warnings ?? []).map((text) => `${name}: ${text}`))
})

/** A cluster is ready when each node has answered or failed once, whichever come later. Names are for those with tokens. */
const clusterReadiness = (cluster: ClusterReadiness["Service"], source: CoreSource["Service"]) =>
  Effect.gen(function*(): Effect.fn.Return<Readiness, Problem> {
    const waiting = yield* cluster.waiting
    const old = yield* cluster.degradedReason
    const degradedReason = old === undefined ? [] : [old]
    if (waiting !== undefined) return { waiting: [waiting], degradedReason }
    const nodes = yield* source.nodes
    const unreachable = nodes.filter(({ state }) => state === "unreachable").length
    return {
      waiting: [],
      degradedReason: unreachable === 0
        ? degradedReason
        : [...degradedReason, `${unreachable} of ${nodes.length} nodes cannot be reached`]
    }
  })

/** What those lack who know the callers and what they may. */
const accessLacking = (
  asked: ReadonlyArray<Option.Option<Pick<Authenticator["Service"] | Authorizer["Service"], "degradedReason">>>
) =>
  Effect.map(
    Effect.forEach(asked, (service) => Option.getOrUndefined(service)?.degradedReason ?? Effect.undefined),
    // An API server that is away is the same for both.
    (degradedReason) => [...new Set(degradedReason.filter((why) => why !== undefined))]
  )

const answer = ({ degradedReason, waiting }: Readiness) =>
  HttpServerResponse.text(
    [
      ...(waiting.length === 0 ? ["ready"] : waiting.map((text) => `not ready: ${text}`)),
      ...degradedReason.map((text) => `warning: ${text}`),
      ""
    ].join("\n"),
    { status: waiting.length === 0 ? 200 : 503 }
  )

const readiness = (source: CoreSource["Service"], cluster: Option.Option<ClusterReadiness["Service"]>) =>
  Option.match(cluster, {
    onNone: () => Effect.map(source.nodes, hostReadiness),
    onSome: (cluster) => clusterReadiness(cluster, source)
  }).pipe(
    Effect.catch(({ message }) => Effect.succeed<Readiness>({ waiting: [message], degradedReason: [] }))
  )

/** The routes of the ops port. */
export const layerOpsApp: Layer.Layer<never, never, CoreSource | HttpRouter.HttpRouter> = Layer.mergeAll(
  HttpRouter.add("GET", "/livez", HttpServerResponse.text("ok\n")),
  HttpRouter.use(Effect.fnUntraced(function*(router) {
    const ready = readiness(yield* CoreSource, yield* Effect.serviceOption(ClusterReadiness))
    const access = accessLacking([yield* Effect.serviceOption(Authenticator), yield* Effect.serviceOption(Authorizer)])
    const handler = Effect.zipWith(
      ready,
      access,
      ({ degradedReason, waiting }, ofAccess) => answer({ waiting, degradedReason: [...degradedReason, ...ofAccess] })
    )
    yield* router.add("GET", "/readyz", handler)
  })),
  PrometheusMetrics.layerHttp({ path: "/metrics" }),
  layerErrors(makeRoutes(["/livez", "/readyz", "/metrics"].map((path) => ["GET", path] as const)))
)
