/** What no handler answers: unknown routes and methods, and defects. Each request gets its id here, too. */
import { Api, InternalError, MethodNotAllowed, type Problem, RouteNotFound } from "@koredump/core"
import { Cause, Effect, Option } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi } from "effect/http-api"
import { pathOf, problemResponse } from "./problemResponse.ts"
import { RequestInfo, type RequestInfoFields } from "./RequestInfo.ts"

const routes: Array<{ readonly pattern: RegExp; readonly method: string }> = [
  { pattern: /^\/openapi\.json$/, method: "GET" },
  { pattern: /^\/docs$/, method: "GET" }
]
HttpApi.reflect(Api, {
  onGroup: () => undefined,
  onEndpoint: ({ endpoint }) => {
    const pattern = endpoint.path.replace(/[.]/g, "\\.").replace(/:\w+/g, "[^/]+")
    routes.push({ pattern: new RegExp(`^${pattern}$`), method: endpoint.method })
  }
})

/** The methods that a path has; none where there is no such path. */
export const allowedMethods = (path: string): ReadonlyArray<string> => {
  const methods = new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))
  if (methods.has("GET")) methods.add("HEAD")
  return [...methods].toSorted()
}

const noRoute = ({ method, url }: HttpServerRequest.HttpServerRequest): Problem => {
  const allow = allowedMethods(pathOf(url))
  return allow.length === 0 || allow.includes(method)
    ? new RouteNotFound({ detail: "There is nothing under this path." })
    : new MethodNotAllowed({ allow, detail: `Here ${allow.join(", ")} can be used, not ${method}.` })
}

const isRouteNotFound = (error: unknown) =>
  HttpServerError.isHttpServerError(error) && error.reason instanceof HttpServerError.RouteNotFound

const saneId = /^[\w.:-]{1,128}$/

/** What is remembered of a request. */
export const requestInfo = (request: HttpServerRequest.HttpServerRequest): RequestInfoFields => {
  const id = request.headers["x-request-id"]
  return { id: id !== undefined && saneId.test(id) ? id : globalThis.crypto.randomUUID() }
}

/** Answers what no handler answered. The log has of a defect what the response does not tell. */
export const layerErrors = HttpRouter.middleware(
  (handler) =>
    Effect.gen(function*(): Effect.fn.Return<
      HttpServerResponse.HttpServerResponse,
      Effect.Error<typeof handler>,
      HttpServerRequest.HttpServerRequest
    > {
      const request = yield* HttpServerRequest.HttpServerRequest
      const info = Option.getOrElse(yield* Effect.serviceOption(RequestInfo), () => requestInfo(request))
      const answer = (cause: Cause.Cause<unknown>) => {
        if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
        const error = Cause.squash(cause)
        if (isRouteNotFound(error)) return problemResponse(noRoute(request))
        return Effect.logError("A request failed", cause).pipe(
          Effect.andThen(
            problemResponse(
              new InternalError({
                requestId: info.id,
                detail: `The log of the server says more of request ${info.id}.`
              })
            )
          )
        )
      }
      return yield* handler.pipe(
        Effect.catchCause(answer),
        Effect.map(HttpServerResponse.setHeader("x-request-id", info.id)),
        Effect.provideService(RequestInfo, info),
        Effect.annotateLogs({ request_id: info.id })
      )
    }),
  { global: true }
)
