/** Implementations of the API's `Authorization` middleware. */
import {
  Authenticator,
  Authorization,
  type Authorizer,
  CurrentPrincipal,
  layerAllowAll,
  Unauthorized
} from "@koredump/core"
import { Effect, Layer, Redacted } from "effect"
import { toProblemResponse } from "../http/problemResponse.ts"
import { setUser } from "../middleware/RequestInfo.ts"

/** Requires a bearer token that the `Authenticator` accepts. The `Authorizer` decides what the caller can access. */
export const layerTokenAuthorization: Layer.Layer<Authorization, never, Authenticator> = Layer.effect(
  Authorization,
  Effect.map(Authenticator, (authenticator) =>
    Authorization.of({
      bearer: (handler, { credential }) =>
        (Redacted.value(credential) === ""
          ? Effect.fail(new Unauthorized({ detail: "The request has no bearer token." }))
          : authenticator.authenticate(credential)).pipe(
            Effect.matchEffect({
              onFailure: toProblemResponse,
              onSuccess: (principal) =>
                Effect.andThen(setUser(principal.username), Effect.provideService(handler, CurrentPrincipal, principal))
            })
          )
    }))
)

/** Allows all requests, with access to everything. For servers that only the users of one host can reach. */
export const layerNoAuthorization: Layer.Layer<Authorization | Authorizer> = Layer.merge(
  Layer.succeed(Authorization, {
    bearer: (handler) => Effect.provideService(handler, CurrentPrincipal, { username: "local", groups: [] })
  }),
  layerAllowAll
)
