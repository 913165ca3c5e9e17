/**
 * A server without tokens on loopback trusts whoever reaches it. A web page must not: one from elsewhere that is made to
 * resolve to 127.0.0.1 (DNS rebinding) is known by its `Host`, one that sends requests across by its `Origin`.
 */
import { Forbidden } from "@koredump/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { problemResponse } from "../http/problemResponse.ts"

const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?$/i

/** Whether a request with these headers comes from this host's own programs or pages. */
export const isLoopbackRequest = (headers: Readonly<Record<string, string | undefined>>): boolean => {
  const { host, origin } = headers
  if (host === undefined || !loopbackHost.test(host)) return false
  if (origin !== undefined) return origin.toLowerCase().replace(/^https?:\/\//, "") === host.toLowerCase()
  // Browsers send no Origin with the requests of images and scripts, but this. A link that is followed is no harm.
  const site = headers["sec-fetch-site"]
  return site === undefined || site === "same-origin" || site === "none" || headers["sec-fetch-mode"] === "navigate"
}

/** Refuses requests that pages of other sites send. */
export const layerLoopbackOnly = HttpRouter.middleware(
  (handler) =>
    Effect.gen(function*() {
      const request = yield* HttpServerRequest.HttpServerRequest
      if (isLoopbackRequest(request.headers)) return yield* handler
      return yield* problemResponse(
        new Forbidden({ detail: "This server answers requests from its own host alone; Host and Origin must say so." })
      )
    }),
  { global: true }
)
