/** `Authenticator` over Kubernetes: a TokenReview says whose a token is, and whether it was made for us. */
import { Authenticator, type Principal, Unauthorized } from "@koredump/core"
import { Effect, Layer, Redacted, Schema } from "effect"
import { makeAskReview } from "./askReview.ts"
import { KubeApi } from "./KubeApi.ts"
import { digestOf, makeReviewCache } from "./ReviewCache.ts"

/** Whose tokens are accepted. */
export interface KubeAuthenticatorOptions {
  /** A token must be for one of these. */
  readonly audiences: ReadonlyArray<string>
  /** Or, where this is said, for the API server itself, as users' ordinary tokens are. */
  readonly acceptApiServerAudience: boolean
}

const maxTokenLength = 16 * 1024
const tokenForm = /^[\x21-\x7e]+$/
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

/** Whom a TokenReview's status names, if anybody. */
const principalOf = ({ authenticated, user }: typeof TokenReviewStatus.Type): Principal | undefined => {
  if (authenticated !== true || user?.username === undefined || user.username === "") return undefined
  return {
    username: user.username,
    ...(user.uid === undefined || user.uid === "" ? {} : { uid: user.uid }),
    groups: user.groups ?? [],
    ...(user.extra === undefined ? {} : { extra: user.extra })
  }
}

const refused = new Unauthorized({ detail: "The token is not valid here: it may have expired, or be for others." })

const make = Effect.fnUntraced(function*(options: KubeAuthenticatorOptions) {
  const { ask, degradedReason } = makeAskReview(yield* KubeApi, {
    path: "/apis/authentication.k8s.io/v1/tokenreviews",
    apiVersion: "authentication.k8s.io/v1",
    kind: "TokenReview",
    resource: "tokenreviews.authentication.k8s.io"
  }, TokenReviewStatus)

  const review = Effect.fnUntraced(function*(token: Redacted.Redacted) {
    const status = yield* ask({ token: Redacted.value(token), audiences: options.audiences })
    // An API server that knows no audiences answers none, and has reviewed the token for itself.
    if (status.audiences?.some((audience) => options.audiences.includes(audience)) === true) {
      return principalOf(status)
    }
    if (!options.acceptApiServerAudience) return undefined
    return principalOf(yield* ask({ token: Redacted.value(token) }))
  })

  const cached = yield* makeReviewCache({ capacity, review, accepts: (principal) => principal !== undefined })

  return Authenticator.of({
    degradedReason,
    authenticate: (token) =>
      Effect.suspend(() => {
        const text = Redacted.value(token)
        if (text.length > maxTokenLength || !tokenForm.test(text)) return Effect.fail(refused)
        return Effect.filterOrFail(
          cached(digestOf(text), token),
          (principal) => principal !== undefined,
          () => refused
        )
      })
  })
})

/** See the module's text. Needs the right to create `tokenreviews`. */
export const layerKubeAuthenticator = (
  options: KubeAuthenticatorOptions
): Layer.Layer<Authenticator, never, KubeApi> => Layer.effect(Authenticator, make(options))
