import { Authenticator, FairQueue, isBearerToken, type Principal, TooManyRequests, Unauthorized } from "@koredump/core"
import { Cache, Clock, Effect, Layer, Option, Redacted, Schema } from "effect"
import { KubeApi } from "./api/KubeApi.ts"
import { makeReviewCache, toDigest } from "./reviews/makeReviewCache.ts"
import { makeReviewClient } from "./reviews/makeReviewClient.ts"
import { RejectionBudget, toAddressKey } from "./reviews/RejectionBudget.ts"

/** Which tokens are accepted. */
export interface KubeAuthenticatorOptions {
  /** A token must have one of these audiences. */
  readonly audiences: ReadonlyArray<string>
  /** Whether tokens for the Kubernetes API itself are also accepted. Users usually have such tokens. */
  readonly acceptApiServerAudience: boolean
}

const capacity = 10_000

/** How long a token that was accepted is reviewed apart from tokens that never were. */
const knownTtl = "1 hour"

/** Tokens that were accepted lately, by user. No flood of made-up tokens delays their reviews. */
const knownLimits = { capacity: 16, maxRunningPerKey: 4 }

/** All other tokens, by address. Half of the capacity is enough for one address, which many callers may share. */
const unknownLimits = { capacity: 16, maxRunningPerKey: 8 }

const kind = "TokenReview"

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

const busy = new TooManyRequests({ detail: "Too many tokens are waiting for their review. Retry later." })

const tooManyRejected = new TooManyRequests({
  detail: "Too many tokens from your address were rejected. Retry later."
})

/** A token to review. */
interface Subject {
  readonly token: Redacted.Redacted
  readonly digest: string
  /** The address that sent it, as in `toAddressKey`. */
  readonly address: string
}

const make = Effect.fnUntraced(function*(options: KubeAuthenticatorOptions) {
  const { countRefusal, degradedReason, review } = makeReviewClient(yield* KubeApi, {
    path: "/apis/authentication.k8s.io/v1/tokenreviews",
    apiVersion: "authentication.k8s.io/v1",
    kind,
    resource: "tokenreviews.authentication.k8s.io"
  }, TokenReviewStatus)

  const knownQueue = new FairQueue(knownLimits)
  const unknownQueue = new FairQueue(unknownLimits)
  const budget = new RejectionBudget()
  const known = yield* Cache.make<string, string>({
    capacity,
    timeToLive: knownTtl,
    lookup: () => Effect.die("only set")
  })

  /** Reviews a token when it is its turn. */
  const authenticate = Effect.fnUntraced(function*(token: Redacted.Redacted, queue: FairQueue, key: string) {
    const status = yield* review({ token: Redacted.value(token), audiences: options.audiences }, queue, key)
    // A Kubernetes API without support for audiences returns none: it has checked the token against its own audience.
    if (status.audiences?.some((audience) => options.audiences.includes(audience)) === true) {
      return toPrincipal(status)
    }
    if (!options.acceptApiServerAudience) return undefined
    return toPrincipal(yield* review({ token: Redacted.value(token) }, queue, key))
  }, Effect.catchTag("QueueFull", () => Effect.fail(busy)))

  const reviewUnknown = Effect.fnUntraced(function*({ address, token }: Subject) {
    if (budget.isExhausted(address, yield* Clock.currentTimeMillis)) {
      yield* countRefusal
      return yield* tooManyRejected
    }
    const principal = yield* authenticate(token, unknownQueue, address)
    if (principal === undefined) budget.spend(address, yield* Clock.currentTimeMillis)
    return principal
  })

  const reviewSubject = Effect.fnUntraced(function*(subject: Subject) {
    const user = Option.getOrUndefined(yield* Cache.getOption(known, subject.digest))
    const principal = yield* user === undefined
      ? reviewUnknown(subject)
      : authenticate(subject.token, knownQueue, user)
    yield* principal === undefined
      ? Cache.invalidate(known, subject.digest)
      : Cache.set(known, subject.digest, principal.username)
    return principal
  })

  const cached = yield* makeReviewCache({
    kind,
    capacity,
    review: reviewSubject,
    accepts: (principal) => principal !== undefined
  })

  return Authenticator.of({
    degradedReason,
    authenticate: (token, { remoteAddress = "" } = {}) =>
      Effect.suspend(() => {
        const text = Redacted.value(token)
        if (!isBearerToken(text)) return Effect.fail(rejected)
        const digest = toDigest(text)
        return Effect.filterOrFail(
          cached(digest, { token, digest, address: toAddressKey(remoteAddress) }),
          (principal) => principal !== undefined,
          () => rejected
        )
      })
  })
})

/**
 * Authenticates callers with TokenReviews. Needs the permission to create `tokenreviews`. If the Kubernetes API does not
 * answer, authentication fails with `NotReady`. Made-up tokens cause few reviews, and delay only callers with the same
 * address whose tokens were not accepted within the last hour.
 */
export const layerKubeAuthenticator = (
  options: KubeAuthenticatorOptions
): Layer.Layer<Authenticator, never, KubeApi> => Layer.effect(Authenticator, make(options))
