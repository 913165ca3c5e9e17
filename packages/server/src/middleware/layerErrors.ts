import { InternalError, MethodNotAllowed, type Problem, RouteNotFound } from "@koredump/core"
import { Cause, Effect, Option } from "effect"
import { HttpRouter, HttpServerError, HttpServerRequest, HttpServerResponse } from "effect/http"
import { getPath, toProblemResponse } from "../http/problemResponse.ts"
import { makeDefaultHeaders } from "./defaultHeaders.ts"
import { RequestInfo, type RequestInfoFields } from "./RequestInfo.ts"
import type { Routes } from "./routes.ts"

const toRouteProblem = (routes: Routes, { method, url }: HttpServerRequest.HttpServerRequest): Problem => {
  const allow = routes.findMethods(getPath(url))
  return allow.length === 0 || allow.includes(method)
    ? new RouteNotFound({ detail: "The path does not exist. Check the URL." })
    : new MethodNotAllowed({ allow, detail: `Method ${method} is not allowed (allowed: ${allow.join(", ")}).` })
}

const isRouteNotFound = (error: unknown) =>
  HttpServerError.isHttpServerError(error) && error.reason instanceof HttpServerError.RouteNotFound

const validId = /^[\w.:-]{1,128}$/

/** Encodes semicolons in the path: core IDs can contain them, but the router would end the path there. */
const encodeSemicolons = (request: HttpServerRequest.HttpServerRequest) => {
  const path = getPath(request.url)
  return path.includes(";")
    ? request.modify({ url: path.replaceAll(";", "%3B") + request.url.slice(path.length) })
    : request
}

/** The ID of a request: its own one if it is valid, else a new one. */
export const getRequestId = ({ headers }: HttpServerRequest.HttpServerRequest): string => {
  const id = headers["x-request-id"]
  return id !== undefined && validId.test(id) ? id : globalThis.crypto.randomUUID()
}

/** The record of a request to an app that writes no log of its requests. */
const makeRequestInfo = (request: HttpServerRequest.HttpServerRequest): RequestInfoFields => ({
  id: getRequestId(request),
  audit: () => Effect.void
})

/**
 * Answers requests that no handler answers: unknown paths, methods that are not allowed, and defects. The response to a
 * defect contains only the request ID; the log contains the cause. Also adds the default headers to all responses.
 */
export const layerErrors = (routes: Routes) =>
  HttpRouter.middleware(
    (handler) =>
      Effect.gen(function*(): Effect.fn.Return<
        HttpServerResponse.HttpServerResponse,
        Effect.Error<typeof handler>,
        HttpServerRequest.HttpServerRequest
      > {
        const request = yield* HttpServerRequest.HttpServerRequest
        const info = Option.getOrElse(yield* Effect.serviceOption(RequestInfo), () => makeRequestInfo(request))
        const respond = (cause: Cause.Cause<unknown>) => {
          if (Cause.hasInterruptsOnly(cause)) return Effect.interrupt
          const error = Cause.squash(cause)
          if (isRouteNotFound(error)) return toProblemResponse(toRouteProblem(routes, request))
          return Effect.logError("Request failed: internal error", cause).pipe(
            Effect.andThen(
              toProblemResponse(
                new InternalError({
                  requestId: info.id,
                  detail: `Internal error. Search the server's log for request ${info.id}.`
                })
              )
            )
          )
        }
        return yield* handler.pipe(
          Effect.provideService(HttpServerRequest.HttpServerRequest, encodeSemicolons(request)),
          Effect.catchCause(respond),
          Effect.map((response) =>
            HttpServerResponse.setHeaders(response, { ...makeDefaultHeaders(info), ...response.headers })
          ),
          Effect.provideService(RequestInfo, info),
          Effect.annotateLogs({ request_id: info.id })
        )
      }),
    { global: true }
  )
