import { type AccessRequest, Authorizer, FairQueue, NotReady, type Principal } from "@koredump/core"
import { Effect, Layer, Schema } from "effect"
import { KubeApi } from "./api/KubeApi.ts"
import { makeReviewCache, toDigest } from "./reviews/makeReviewCache.ts"
import { makeReviewClient } from "./reviews/makeReviewClient.ts"

/** The API group of the resources `coredumps` and `nodecoredumps`. They exist only in RBAC rules. */
export const apiGroup = "koredump.dev"
/** RBAC ignores the version. Authorization webhooks may use it. */
const apiVersion = "v1alpha1"

const capacity = 50_000

/** Each caller has a share. A caller that sees few of many namespaces needs many reviews, and delays nobody else. */
const limits = { capacity: 32, maxRunningPerKey: 8, maxWaitingPerKey: 1000, maxWaiting: 10_000 }

const kind = "SubjectAccessReview"

const busy = new NotReady({ detail: "Authorization is unavailable: too many of your access reviews are waiting." })

const SubjectAccessReviewStatus = Schema.Struct({
  allowed: Schema.Boolean,
  denied: Schema.optionalKey(Schema.Boolean)
})

/** The spec of a SubjectAccessReview. Undefined fields are not sent. */
const toSpec = (principal: Principal, request: AccessRequest) => ({
  user: principal.username,
  uid: principal.uid,
  groups: principal.groups,
  extra: principal.extra,
  resourceAttributes: {
    group: apiGroup,
    version: apiVersion,
    resource: request.resource,
    subresource: request.subresource,
    verb: request.verb,
    // Without a namespace, the review is about all namespaces.
    namespace: request.namespace
  }
})

const make = Effect.gen(function*() {
  const { degradedReason, review } = makeReviewClient(yield* KubeApi, {
    path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    apiVersion: "authorization.k8s.io/v1",
    kind,
    resource: "subjectaccessreviews.authorization.k8s.io"
  }, SubjectAccessReviewStatus)

  const queue = new FairQueue(limits)

  const cached = yield* makeReviewCache({
    kind,
    capacity,
    review: (spec: ReturnType<typeof toSpec>) =>
      review(spec, queue, spec.user).pipe(
        Effect.catchTag("QueueFull", () => Effect.fail(busy)),
        Effect.map(({ allowed, denied }) => allowed && denied !== true)
      ),
    accepts: (allowed: boolean) => allowed
  })

  return Authorizer.of({
    degradedReason,
    isAllowed: (principal, request) =>
      Effect.suspend(() => {
        const spec = toSpec(principal, request)
        return cached(toDigest(JSON.stringify(spec)), spec)
      })
  })
})

/**
 * Authorizes requests with SubjectAccessReviews, so all authorization modes of the cluster apply. Needs the permission to
 * create `subjectaccessreviews`. If the Kubernetes API does not answer, requests fail with `NotReady`.
 */
export const layerKubeAuthorizer: Layer.Layer<Authorizer, never, KubeApi> = Layer.effect(Authorizer, make)
