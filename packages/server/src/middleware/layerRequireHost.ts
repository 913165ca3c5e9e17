import { BadRequest } from "@koredump/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { IncomingMessage } from "node:http"
import { toProblemResponse } from "../http/problemResponse.ts"

/**
 * Rejects HTTP/1.1 requests without a `Host` header (RFC 9112, section 3.2). Node.js could do that too, but its response
 * is not a problem document.
 */
export const layerRequireHost = HttpRouter.middleware(
  (handler) =>
    Effect.gen(function*() {
      const { headers, source } = yield* HttpServerRequest.HttpServerRequest
      return headers["host"] === undefined && source instanceof IncomingMessage && source.httpVersion === "1.1"
        ? yield* toProblemResponse(new BadRequest({ detail: "The Host header is missing." }))
        : yield* handler
    }),
  { global: true }
)
