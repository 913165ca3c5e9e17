/** What no handler answers: unknown routes and methods, and defects. Each request gets its id here, too. */
import { InternalError, MethodNotAllowed, type Problem, RouteNotFound } from "@koredump/core"
import { Cause, Effect, Option } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { pathOf, problemResponse } from "./problemResponse.ts"
import { RequestInfo, type RequestInfoFields } from "./RequestInfo.ts"
import type { Routes } from "./routes.ts"
import { standingHeaders } from "./standingHeaders.ts"

const noRoute = (routes: Routes, { method, url }: HttpServerRequest.HttpServerRequest): Problem => {
  const allow = routes.methodsOf(pathOf(url))
  return allow.length === 0 || allow.includes(method)
    ? new RouteNotFound({ detail: "There is nothing under this path." })
    : new MethodNotAllowed({ allow, detail: `Here ${allow.join(", ")} can be used, not ${method}.` })
}

const isRouteNotFound = (error: unknown) =>
  HttpServerError.isHttpServerError(error) && error.reason instanceof HttpServerError.RouteNotFound

const saneId = /^[\w.:-]{1,128}$/

/** The router would end the path at a semicolon, which names of cores may have, and pass over what follows. */
const withoutSemicolons = (request: HttpServerRequest.HttpServerRequest) => {
  const path = pathOf(request.url)
  return path.includes(";")
    ? request.modify({ url: path.replaceAll(";", "%3B") + request.url.slice(path.length) })
    : request
}

/** What is remembered of a request. */
export const requestInfo = (request: HttpServerRequest.HttpServerRequest): RequestInfoFields => {
  const id = request.headers["x-request-id"]
  return { id: id !== undefined && saneId.test(id) ? id : globalThis.crypto.randomUUID(), audits: [] }
}

/** Answers what no handler of these routes answered. The log has of a defect what the response does not tell. */
export const layerErrors = (routes: Routes) =>
  HttpRouter.middleware(
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
          if (isRouteNotFound(error)) return problemResponse(noRoute(routes, request))
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
          Effect.provideService(HttpServerRequest.HttpServerRequest, withoutSemicolons(request)),
          Effect.catchCause(answer),
          Effect.map(HttpServerResponse.setHeaders(standingHeaders(info))),
          Effect.provideService(RequestInfo, info),
          Effect.annotateLogs({ request_id: info.id })
        )
      }),
    { global: true }
  )
