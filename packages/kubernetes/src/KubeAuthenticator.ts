import { Authenticator, isBearerToken, type Principal, Unauthorized } from "@koredump/core"
import { Effect, Layer, Redacted, Schema } from "effect"
import { KubeApi } from "./api/KubeApi.ts"
import { makeReviewCache, toDigest } from "./reviews/makeReviewCache.ts"
import { makeReviewClient } from "./reviews/makeReviewClient.ts"

/** Which tokens are accepted. */
export interface KubeAuthenticatorOptions {
  /** A token must have one of these audiences. */
  readonly audiences: ReadonlyArray<string>
  /** Whether tokens for the Kubernetes API itself are also accepted. Users usually have such tokens. */
  readonly acceptApiServerAudience: boolean
}

/** OIDC tokens with many groups are long. */
const maxOidcTokenLength = 16 * 1024
const capacity = 10_000

const strings = Schema.Array(Schema.String)

const TokenReviewStatus = Schema.Struct({
  authenticated: Schema.optionalKey(Schema.Boolean),
  audiences: Schema.optionalKey(strings),
  user: Schema.optionalKey(Schema.Struct({
    username: Schema.optionalKey(Schema.String),
    uid: Schema.optionalKey(Schema.String),
    groups: Schema.optionalKey(strings),
    extra: Schema.optionalKey(Schema.Record(Schema.String, strings))
  }))
})

/** The caller of an accepted token. Undefined if the token was rejected. */
const toPrincipal = ({ authenticated, user }: typeof TokenReviewStatus.Type): Principal | undefined => {
  if (authenticated !== true || user?.username === undefined || user.username === "") return undefined
  return {
    username: user.username,
    ...(user.uid === undefined || user.uid === "" ? {} : { uid: user.uid }),
    groups: user.groups ?? [],
    ...(user.extra === undefined ? {} : { extra: user.extra })
  }
}

const rejected = new Unauthorized({ detail: "The token is invalid, expired or has another audience." })

const make = Effect.fnUntraced(function*(options: KubeAuthenticatorOptions) {
  const { degradedReason, review } = makeReviewClient(yield* KubeApi, {
    path: "/apis/authentication.k8s.io/v1/tokenreviews",
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    resource: "tokenreviews.authentication.k8s.io"
  }, TokenReviewStatus)

  const authenticate = Effect.fnUntraced(function*(token: Redacted.Redacted) {
    const status = yield* review({ token: Redacted.value(token), audiences: options.audiences })
    // A Kubernetes API without support for audiences returns none: it has checked the token against its own audience.
    if (status.audiences?.some((audience) => options.audiences.includes(audience)) === true) {
      return toPrincipal(status)
    }
    if (!options.acceptApiServerAudience) return undefined
    return toPrincipal(yield* review({ token: Redacted.value(token) }))
  })

  const cached = yield* makeReviewCache({
    capacity,
    review: authenticate,
    accepts: (principal) => principal !== undefined
  })

  return Authenticator.of({
    degradedReason,
    authenticate: (token) =>
      Effect.suspend(() => {
        const text = Redacted.value(token)
        if (!isBearerToken(text, maxOidcTokenLength)) return Effect.fail(rejected)
        return Effect.filterOrFail(
          cached(toDigest(text), token),
          (principal) => principal !== undefined,
          () => rejected
        )
      })
  })
})

/**
 * Authenticates callers with TokenReviews. Needs the permission to create `tokenreviews`. If the Kubernetes API does not
 * answer, authentication fails with `NotReady`.
 */
export const layerKubeAuthenticator = (
  options: KubeAuthenticatorOptions
): Layer.Layer<Authenticator, never, KubeApi> => Layer.effect(Authenticator, make(options))
