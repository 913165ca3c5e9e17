/**
 * The HTTP API over any `CoreSource`: the routes of the `Api` value, its OpenAPI document and a page to browse it. It
 * runs on any server that Effect's router has, or on none: `HttpRouter.toWebHandler` calls it in process.
 */
import { Api, type Authorization, CoreSource } from "@koredump/core"
import { Context, Effect, Layer } from "effect"
import { type HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { HttpApiBuilder, HttpApiScalar } from "effect/http-api"
import { Admission } from "./Admission.ts"
import { type AppOptions, CurrentAppOptions } from "./AppOptions.ts"
import { metadata, remove } from "./handlers/core.ts"
import { download } from "./handlers/download.ts"
import { list } from "./handlers/list.ts"
import { watch } from "./handlers/watch.ts"
import { layerErrors } from "./http/errors.ts"
import { withProblems } from "./http/problemResponse.ts"
import { apiRoutes } from "./http/routes.ts"
import { documentedApi } from "./openApi.ts"

const cores = HttpApiBuilder.group(
  Api,
  "cores",
  Effect.fnUntraced(function*(handlers) {
    // These alone: the layer's own scope would stand in for that of each request, and nothing be released.
    const context = Context.pick(Admission, CoreSource, CurrentAppOptions)(
      yield* Effect.context<Admission | CoreSource | CurrentAppOptions>()
    )
    const answer = <R>(effect: Parameters<typeof withProblems<R>>[0]) =>
      withProblems(effect).pipe(Effect.provideContext(context))
    return handlers.handleAll({
      list: () => answer(list),
      metadata: ({ params }) => answer(metadata(params)),
      metadataHere: ({ params }) => answer(metadata(params)),
      download: ({ params }) => answer(download(params)),
      downloadHere: ({ params }) => answer(download(params)),
      delete: ({ params }) => answer(remove(params)),
      deleteHere: ({ params }) => answer(remove(params)),
      watch: () => answer(watch)
    })
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
): Layer.Layer<Admission, never, Authorization | CoreSource | HttpRouter.HttpRouter> =>
  HttpApiBuilder.layer(documentedApi, { openapiPath: "/openapi.json" }).pipe(
    Layer.merge(HttpApiScalar.layer(documentedApi, { path: "/docs", scalar: { withDefaultFonts: false } })),
    Layer.provide([cores, system]),
    Layer.merge(layerErrors(apiRoutes)),
    Layer.provideMerge(Admission.layer(options)),
    Layer.provide(Layer.succeed(CurrentAppOptions, options)),
    Layer.provide(HttpServer.layerServices)
  )

/** The router's settings that the app needs: names of cores are longer than the parameters of most paths. */
export const routerConfig = { maxParamLength: 1024 }
