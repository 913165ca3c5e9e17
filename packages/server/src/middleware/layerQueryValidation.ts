import { QueryValidation, toInvalidQuery } from "@koredump/core"
import { Effect, Layer } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { toProblemResponse } from "../http/problemResponse.ts"
import { readQuery } from "../http/query.ts"

/** The response to an invalid query. Undefined for all other errors. */
const toQueryResponse = (
  error: unknown
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> | undefined =>
  HttpApiError.HttpApiSchemaError.is(error) && error.kind === "Query"
    ? toProblemResponse(toInvalidQuery(error.cause))
    : undefined

/** Answers a query that is too long or cannot be decoded with a problem. */
export const layerQueryValidation: Layer.Layer<QueryValidation> = Layer.succeed(
  QueryValidation,
  (handler) =>
    Effect.matchEffect(readQuery, {
      onFailure: toProblemResponse,
      onSuccess: () => Effect.catch(handler, (error) => toQueryResponse(error) ?? Effect.fail(error))
    })
)
