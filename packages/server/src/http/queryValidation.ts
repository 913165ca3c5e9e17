import { QueryValidation, toInvalidQuery } from "@koredump/core"
import { Effect, Layer } from "effect"
import type { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiError } from "effect/http-api"
import { problemResponse } from "./problemResponse.ts"
import { queryOf } from "./queryOf.ts"

/** The response to an invalid query. Undefined for all other errors. */
const queryProblem = (
  error: unknown
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest> | undefined =>
  HttpApiError.HttpApiSchemaError.is(error) && error.kind === "Query"
    ? problemResponse(toInvalidQuery(error.cause))
    : undefined

/** Answers a query that is too long or cannot be decoded with a problem. */
export const layerQueryValidation: Layer.Layer<QueryValidation> = Layer.succeed(
  QueryValidation,
  (handler) =>
    Effect.matchEffect(queryOf, {
      onFailure: problemResponse,
      onSuccess: () => Effect.catch(handler, (error) => queryProblem(error) ?? Effect.fail(error))
    })
)
