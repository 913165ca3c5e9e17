import {
  Api,
  type Authorization,
  authorizeCoreSource,
  Authorizer,
  type CoreQuery,
  CoreSource,
  CurrentPrincipal,
  needsHeavyFields,
  type Problem
} from "@koredump/core"
import { Context, Effect, Layer } from "effect"
import { type HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { Admission } from "../admission/Admission.ts"
import { layerAdmitAnonymous } from "../admission/layerAdmitAnonymous.ts"
import { detectMemoryLimit } from "../admission/memory.ts"
import { type RequestKind, requestKinds, type Route, routeKinds } from "../admission/requestKinds.ts"
import { admit } from "../handlers/admit.ts"
import { type AppOptions, CurrentAppOptions } from "../handlers/AppOptions.ts"
import { metadata, remove } from "../handlers/core.ts"
import { download } from "../handlers/download.ts"
import { list } from "../handlers/list.ts"
import { nodes } from "../handlers/nodes.ts"
import { recordAudit } from "../handlers/recordAudit.ts"
import { watch } from "../handlers/watch.ts"
import { catchProblems } from "../http/problemResponse.ts"
import { layerErrors } from "../middleware/layerErrors.ts"
import { layerQueryValidation } from "../middleware/layerQueryValidation.ts"
import { ResourceUsage } from "../middleware/ResourceUsage.ts"
import { apiRoutes } from "../middleware/routes.ts"
import { layerDocs } from "./layerDocs.ts"
import { documentedApi } from "./openApi.ts"

/** What the server knows about a request before its handler runs. */
interface ReceivedRequest {
  readonly endpoint: { readonly method: string; readonly path: string }
}

type Dependencies = Admission | Authorizer | CoreSource | CurrentAppOptions

/**
 * The kind of request for which the caller waits before the handler runs. Handlers of streams ask for their own kind when
 * they know that there is something to send.
 */
const toInitialKind = (route: Route, query: CoreQuery): RequestKind => {
  const kind = routeKinds[route]
  if (requestKinds[kind].class === "stream") return "small"
  return kind === "list" && needsHeavyFields(query) ? "metadata" : kind
}

/** Makes the function that runs a handler with the part of the source that its caller can access. */
const makeRun = Effect.map(Effect.context<Dependencies>(), (all) => {
  // Not the whole context: it contains the scope of the layer, which would replace the scope of each request.
  const context = Context.pick(Admission, CoreSource, CurrentAppOptions)(all)
  const source = Context.get(all, CoreSource)
  const authorizer = Context.get(all, Authorizer)
  return <R>(
    { endpoint: { method, path } }: ReceivedRequest,
    handler: Effect.Effect<HttpServerResponse.HttpServerResponse, Problem, R>,
    // Runs with the source before authorization.
    before: Effect.Effect<void, never, CoreSource | CurrentAppOptions | CurrentPrincipal> = Effect.void,
    query: CoreQuery = {}
  ) =>
    Effect.flatMap(
      CurrentPrincipal,
      (principal) =>
        admit(toInitialKind(`${method} ${path}` as Route, query)).pipe(
          Effect.andThen(before),
          Effect.andThen(Effect.provideService(
            handler,
            CoreSource,
            authorizeCoreSource(source, { authorizer, principal })
          )),
          catchProblems,
          Effect.provideContext(context)
        )
    )
})

const coresGroup = HttpApiBuilder.group(
  Api,
  "cores",
  Effect.fnUntraced(function*(handlers) {
    const run = yield* makeRun
    return handlers.handleAll({
      list: (request) => run(request, list(request.query), Effect.void, request.query),
      metadata: (request) => run(request, metadata(request.params)),
      metadataHere: (request) => run(request, metadata(request.params)),
      download: (request) => run(request, download(request.params), recordAudit("download", request.params)),
      downloadHere: (request) => run(request, download(request.params), recordAudit("download", request.params)),
      delete: (request) => run(request, remove(request.params), recordAudit("delete", request.params)),
      deleteHere: (request) => run(request, remove(request.params), recordAudit("delete", request.params)),
      watch: (request) => run(request, watch(request.query))
    })
  })
)

const nodesGroup = HttpApiBuilder.group(
  Api,
  "nodes",
  Effect.fnUntraced(function*(handlers) {
    const run = yield* makeRun
    const usage = yield* ResourceUsage
    return handlers.handleAll({
      list: (request) => run(request, Effect.provideService(nodes, ResourceUsage, usage))
    })
  })
)

const systemGroup = HttpApiBuilder.group(
  Api,
  "system",
  (handlers) => handlers.handleAll({ health: () => Effect.succeed(HttpServerResponse.text("OK\n")) })
)

/**
 * The REST API over any `CoreSource`: the routes of `Api`, its OpenAPI document and a page to browse it. Works with any
 * server of Effect's router, and without one (`HttpRouter.toWebHandler`).
 */
export const layerHttpApp = (
  options: AppOptions = {}
): Layer.Layer<Admission, never, Authorization | Authorizer | CoreSource | HttpRouter.HttpRouter> =>
  HttpApiBuilder.layer(documentedApi).pipe(
    Layer.merge(layerDocs),
    Layer.provide([coresGroup, nodesGroup, systemGroup]),
    Layer.provide(layerQueryValidation),
    Layer.merge(layerErrors(apiRoutes)),
    Layer.merge(layerAdmitAnonymous),
    Layer.provideMerge(Admission.layer({
      memoryLimit: options.memoryLimit ?? detectMemoryLimit(),
      callerShare: options.callerShare ?? 0.5,
      maxDownloads: options.maxDownloads ?? 64,
      maxWatches: options.maxWatches ?? 1000
    })),
    Layer.provide(Layer.succeed(CurrentAppOptions, options)),
    Layer.provide(HttpServer.layerServices)
  )

/** The router configuration that the app requires. Core IDs are longer than the router's default limit. */
export const routerConfig = { maxParamLength: 1024 }
