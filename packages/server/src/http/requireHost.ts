import { BadRequest } from "@koredump/core"
import { Effect } from "effect"
import { HttpRouter, HttpServerRequest } from "effect/http"
import { IncomingMessage } from "node:http"
import { problemResponse } from "./problemResponse.ts"

/** HTTP/1.1 wants a `Host` (RFC 9112, 3.2). Node's own refusal of requests without one would be no problem document. */
export const layerRequireHost = HttpRouter.middleware(
  (handler) =>
    Effect.gen(function*() {
      const { headers, source } = yield* HttpServerRequest.HttpServerRequest
      return headers["host"] === undefined && source instanceof IncomingMessage && source.httpVersion === "1.1"
        ? yield* problemResponse(new BadRequest({ detail: "The request has no Host header." }))
        : yield* handler
    }),
  { global: true }
)
