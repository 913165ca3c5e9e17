/** Implementations of the API's `Authorization` middleware. */
import {
  Authenticator,
  Authorization,
  type Authorizer,
  CurrentPrincipal,
  layerAllowAll,
  Unauthorized
} from "@koredump/core"
import { Effect, Layer, Option, Redacted } from "effect"
import { HttpServerRequest } from "effect/http"
import { toProblemResponse } from "../http/problemResponse.ts"
import { setUser } from "../middleware/RequestInfo.ts"

/** Authenticates the token of the current request. */
const authenticate = Effect.fnUntraced(function*(authenticator: Authenticator["Service"], token: Redacted.Redacted) {
  if (Redacted.value(token) === "") return yield* new Unauthorized({ detail: "The request has no bearer token." })
  const { remoteAddress } = yield* HttpServerRequest.HttpServerRequest
  return yield* authenticator.authenticate(
    token,
    Option.match(remoteAddress, { onNone: () => ({}), onSome: (remoteAddress) => ({ remoteAddress }) })
  )
})

/** Requires a bearer token that the `Authenticator` accepts. The `Authorizer` decides what the caller can access. */
export const layerTokenAuthorization: Layer.Layer<Authorization, never, Authenticator> = Layer.effect(
  Authorization,
  Effect.map(Authenticator, (authenticator) =>
    Authorization.of({
      bearer: (handler, { credential }) =>
        authenticate(authenticator, credential).pipe(
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
