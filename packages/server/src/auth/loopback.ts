/**
 * Protects servers without tokens against web pages. A page on another site can resolve its own name to 127.0.0.1 (DNS
 * rebinding): its requests have another `Host`. Or it can send requests across sites: they have another `Origin`.
 */
import { Forbidden, isLoopbackHost } from "@koredump/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { toProblemResponse } from "../http/problemResponse.ts"

/** Whether a request with these headers comes from a program, or from a page of this server. */
export const isLoopbackRequest = (headers: Readonly<Record<string, string | undefined>>): boolean => {
  const { host, origin } = headers
  if (host === undefined || !isLoopbackHost(host.replace(/:\d{1,5}$/, ""))) return false
  if (origin !== undefined) return origin.toLowerCase().replace(/^https?:\/\//, "") === host.toLowerCase()
  // Browsers send no Origin with requests for images and scripts, but they send this header. Following a link is safe.
  const site = headers["sec-fetch-site"]
  return site === undefined || site === "same-origin" || site === "none" || headers["sec-fetch-mode"] === "navigate"
}

/** Rejects requests from pages of other sites. */
export const layerLoopbackOnly = HttpRouter.middleware(
  (handler) =>
    Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      if (isLoopbackRequest(request.headers)) return yield* handler
      return yield* toProblemResponse(
        new Forbidden({
          detail:
            "This server has no authentication, so it answers only requests from its own host. Use localhost in the URL."
        })
      )
    }),
  { global: true }
)
