/** Who may ask: implementations of the API's `Authorization`. */
import {
  Authenticator,
  Authorization,
  type Authorizer,
  CurrentPrincipal,
  layerAllowAll,
  Unauthorized
} from "@koredump/core"
import { Effect, Layer, Redacted } from "effect"
import { problemResponse } from "../http/problemResponse.ts"
import { setUser } from "../http/RequestInfo.ts"

/** Lets requests through whose bearer token the `Authenticator` accepts. What they may see is the `Authorizer`'s to say. */
export const layerTokenAuthorization: Layer.Layer<Authorization, never, Authenticator> = Layer.effect(
  Authorization,
  Effect.map(Authenticator, (authenticator) =>
    Authorization.of({
      bearer: (handler, { credential }) =>
        (Redacted.value(credential) === ""
          ? Effect.fail(new Unauthorized({ detail: "The request has no bearer token." }))
          : authenticator.authenticate(credential)).pipe(
            Effect.matchEffect({
              onFailure: problemResponse,
              onSuccess: (principal) =>
                Effect.andThen(setUser(principal.username), Effect.provideService(handler, CurrentPrincipal, principal))
            })
          )
    }))
)

/** Lets every request through, to everything: for servers that only the users of one host reach. */
export const layerNoAuthorization: Layer.Layer<Authorization | Authorizer> = Layer.merge(
  Layer.succeed(Authorization, {
    bearer: (handler) => Effect.provideService(handler, CurrentPrincipal, { username: "local", groups: [] })
  }),
  layerAllowAll
)
