/**
 * The HTTP API over any `CoreSource`: the routes of the `Api` value, its OpenAPI document and a page to browse it. It
 * runs on any server that Effect's router has, or on none: `HttpRouter.toWebHandler` calls it in process.
 */
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
import { HttpApiBuilder, HttpApiScalar } from "effect/http-api"
import { Admission } from "./Admission.ts"
import { type AppOptions, CurrentAppOptions } from "./AppOptions.ts"
import { audited } from "./handlers/audited.ts"
import { metadata, remove } from "./handlers/core.ts"
import { download } from "./handlers/download.ts"
import { list } from "./handlers/list.ts"
import { nodes } from "./handlers/nodes.ts"
import { watch } from "./handlers/watch.ts"
import { layerErrors } from "./http/errors.ts"
import { withProblems } from "./http/problemResponse.ts"
import { layerQueryValidation } from "./http/queryValidation.ts"
import { apiRoutes } from "./http/routes.ts"
import { documentedApi } from "./openApi.ts"

type Needs = Admission | Authorizer | CoreSource | CurrentAppOptions

/** How a handler's effect is answered: over what its caller may see of the source. */
const makeAnswer = Effect.map(Effect.context<Needs>(), (all) => {
  // These alone: the layer's own scope would stand in for that of each request, and nothing be released.
  const context = Context.pick(Admission, CoreSource, CurrentAppOptions)(all)
  const source = Context.get(all, CoreSource)
  const authorizer = Context.get(all, Authorizer)
  return <R>(
    handler: Effect.Effect<HttpServerResponse.HttpServerResponse, Problem, R>,
    // For what is accounted for: before it is decided whether the caller may.
    before: Effect.Effect<void, never, CoreSource | CurrentAppOptions | CurrentPrincipal> = Effect.void
  ) =>
    Effect.flatMap(CurrentPrincipal, (principal) =>
      before.pipe(
        Effect.andThen(Effect.provideService(
          withProblems(handler),
          CoreSource,
          authorizeCoreSource(source, { authorizer, principal })
        )),
        Effect.provideContext(context)
      ))
})

const cores = HttpApiBuilder.group(
  Api,
  "cores",
  Effect.fnUntraced(function*(handlers) {
    const answer = yield* makeAnswer
    return handlers.handleAll({
      list: ({ query }) => answer(list(query)),
      metadata: ({ params }) => answer(metadata(params)),
      metadataHere: ({ params }) => answer(metadata(params)),
      download: ({ params }) => answer(download(params), audited("download", params)),
      downloadHere: ({ params }) => answer(download(params), audited("download", params)),
      delete: ({ params }) => answer(remove(params), audited("delete", params)),
      deleteHere: ({ params }) => answer(remove(params), audited("delete", params)),
      watch: ({ query }) => answer(watch(query))
    })
  })
)

const nodesGroup = HttpApiBuilder.group(
  Api,
  "nodes",
  Effect.fnUntraced(function*(handlers) {
    const answer = yield* makeAnswer
    return handlers.handleAll({ list: () => answer(nodes) })
  })
)

const system = HttpApiBuilder.group(
  Api,
  "system",
  (handlers) => handlers.handleAll({ health: () => Effect.succeed(HttpServerResponse.text("OK\n")) })
)

/** See the module's text. */
export const layerHttpApp = (
  options: AppOptions = {}
): Layer.Layer<Admission, never, Authorization | Authorizer | CoreSource | HttpRouter.HttpRouter> =>
  HttpApiBuilder.layer(documentedApi, { openapiPath: "/openapi.json" }).pipe(
    Layer.merge(HttpApiScalar.layer(documentedApi, { path: "/docs", scalar: { withDefaultFonts: false } })),
    Layer.provide([cores, nodesGroup, system]),
    Layer.provide(layerQueryValidation),
    Layer.merge(layerErrors(apiRoutes)),
    Layer.provideMerge(Admission.layer(options)),
    Layer.provide(Layer.succeed(CurrentAppOptions, options)),
    Layer.provide(HttpServer.layerServices)
  )

/** The router's settings that the app needs: names of cores are longer than the parameters of most paths. */
export const routerConfig = { maxParamLength: 1024 }
