import {
  Api,
  type Authorization,
  authorizeCoreSource,
  Authorizer,
  CoreSource,
  CurrentPrincipal,
  type Problem
} from "@koredump/core"
import { Context, Effect, Layer } from "effect"
import { type HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiBuilder } from "effect/http-api"
import { type AppOptions, CurrentAppOptions } from "../handlers/AppOptions.ts"
import { ConcurrencyLimits } from "../handlers/ConcurrencyLimits.ts"
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

type Dependencies = ConcurrencyLimits | Authorizer | CoreSource | CurrentAppOptions

/** Makes the function that runs a handler with the part of the source that its caller can access. */
const makeRun = Effect.map(Effect.context<Dependencies>(), (all) => {
  // Not the whole context: it contains the scope of the layer, which would replace the scope of each request.
  const context = Context.pick(ConcurrencyLimits, CoreSource, CurrentAppOptions)(all)
  const source = Context.get(all, CoreSource)
  const authorizer = Context.get(all, Authorizer)
  return <R>(
    handler: Effect.Effect<HttpServerResponse.HttpServerResponse, Problem, R>,
    // Runs with the source before authorization.
    before: Effect.Effect<void, never, CoreSource | CurrentAppOptions | CurrentPrincipal> = Effect.void
  ) =>
    Effect.flatMap(CurrentPrincipal, (principal) =>
      before.pipe(
        Effect.andThen(Effect.provideService(
          catchProblems(handler),
          CoreSource,
          authorizeCoreSource(source, { authorizer, principal })
        )),
        Effect.provideContext(context)
      ))
})

const coresGroup = HttpApiBuilder.group(
  Api,
  "cores",
  Effect.fnUntraced(function*(handlers) {
    const run = yield* makeRun
    return handlers.handleAll({
      list: ({ query }) => run(list(query)),
      metadata: ({ params }) => run(metadata(params)),
      metadataHere: ({ params }) => run(metadata(params)),
      download: ({ params }) => run(download(params), recordAudit("download", params)),
      downloadHere: ({ params }) => run(download(params), recordAudit("download", params)),
      delete: ({ params }) => run(remove(params), recordAudit("delete", params)),
      deleteHere: ({ params }) => run(remove(params), recordAudit("delete", params)),
      watch: ({ query }) => run(watch(query))
    })
  })
)

const nodesGroup = HttpApiBuilder.group(
  Api,
  "nodes",
  Effect.fnUntraced(function*(handlers) {
    const run = yield* makeRun
    const usage = yield* ResourceUsage
    return handlers.handleAll({ list: () => run(Effect.provideService(nodes, ResourceUsage, usage)) })
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
): Layer.Layer<ConcurrencyLimits, never, Authorization | Authorizer | CoreSource | HttpRouter.HttpRouter> =>
  HttpApiBuilder.layer(documentedApi).pipe(
    Layer.merge(layerDocs),
    Layer.provide([coresGroup, nodesGroup, systemGroup]),
    Layer.provide(layerQueryValidation),
    Layer.merge(layerErrors(apiRoutes)),
    Layer.provideMerge(ConcurrencyLimits.layer(options)),
    Layer.provide(Layer.succeed(CurrentAppOptions, options)),
    Layer.provide(HttpServer.layerServices)
  )

/** The router configuration that the app requires. Core IDs are longer than the router's default limit. */
export const routerConfig = { maxParamLength: 1024 }
