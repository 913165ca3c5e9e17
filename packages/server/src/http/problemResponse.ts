/** Problems as HTTP responses (RFC 9457). */
import { type Problem, problemToJson } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"

const getHeaders = (problem: Problem): Record<string, string> => {
  switch (problem._tag) {
    case "Unauthorized":
      return { "www-authenticate": "Bearer" }
    case "MethodNotAllowed":
      return { allow: problem.allow.join(", ") }
    case "RangeNotSatisfiable":
      return { "content-range": `bytes */${problem.size}` }
    case "TooManyDownloads":
    case "TooManyWatches":
      return { "retry-after": "5" }
    case "NotReady":
    case "ServerBusy":
    case "TooManyRequests":
      return { "retry-after": "1" }
    default:
      return {}
  }
}

/** The path of a URL, without the query. */
export const getPath = (url: string): string => url.split("?", 1)[0]!

/** Makes the response for a problem, with the headers of its status. `instance` is the requested path. */
export const toProblemResponse = Effect.fnUntraced(function*(problem: Problem) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const body = problemToJson(problem) as { readonly status: number }
  return HttpServerResponse.jsonUnsafe({ instance: getPath(request.url), ...body }, {
    status: body.status,
    contentType: "application/problem+json",
    headers: getHeaders(problem)
  })
})

/** Turns the problem of a handler into a response. */
export const catchProblems = <R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, Problem, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest> =>
  Effect.catch(handler, toProblemResponse)
