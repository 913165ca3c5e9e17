/** Problems as HTTP responses (RFC 9457), with the headers that go with their status. */
import { type Problem, problemToJson } from "@koredump/core"
import { Effect } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"

const headersFor = (problem: Problem): Record<string, string> => {
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
      return { "retry-after": "1" }
    default:
      return {}
  }
}

/** The path that was asked for, without its query. */
export const pathOf = (url: string): string => url.split("?", 1)[0]!

/** The response to a request that failed; its `instance` is the path that was asked for. */
export const problemResponse = Effect.fnUntraced(function*(problem: Problem) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const body = problemToJson(problem) as { readonly status: number }
  return HttpServerResponse.jsonUnsafe({ instance: pathOf(request.url), ...body }, {
    status: body.status,
    contentType: "application/problem+json",
    headers: headersFor(problem)
  })
})

/** Answers a handler's problem, so that its response has what problems of the router have. */
export const withProblems = <R>(
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, Problem, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R | HttpServerRequest.HttpServerRequest> =>
  Effect.catch(handler, problemResponse)
