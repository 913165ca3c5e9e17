/** `Authorizer` over Kubernetes: a SubjectAccessReview asks whatever rules the cluster has. */
import { type AccessRequest, Authorizer, type Principal } from "@koredump/core"
import { Effect, Layer, Schema } from "effect"
import { makeAskReview } from "./askReview.ts"
import { KubeApi } from "./KubeApi.ts"
import { digestOf, makeReviewCache } from "./ReviewCache.ts"

/** The API group of the virtual resources that permissions are given on: `coredumps`, `nodecoredumps`. */
export const apiGroup = "koredump.dev"
/** RBAC does not look at it; an authorization webhook may. */
const apiVersion = "v1alpha1"

const capacity = 50_000

const SubjectAccessReviewStatus = Schema.Struct({
  allowed: Schema.Boolean,
  denied: Schema.optionalKey(Schema.Boolean)
})

/** The spec of the review; members that are undefined are not sent. */
const specOf = (principal: Principal, request: AccessRequest) => ({
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
    // Absent is "all namespaces" for a resource that has them.
    namespace: request.namespace
  }
})

const make = Effect.gen(function*() {
  const { ask, degradedReason } = makeAskReview(yield* KubeApi, {
    path: "/apis/authorization.k8s.io/v1/subjectaccessreviews",
    apiVersion: "authorization.k8s.io/v1",
    kind: "SubjectAccessReview",
    resource: "subjectaccessreviews.authorization.k8s.io"
  }, SubjectAccessReviewStatus)

  const cached = yield* makeReviewCache({
    capacity,
    review: (spec: ReturnType<typeof specOf>) =>
      Effect.map(ask(spec), ({ allowed, denied }) => allowed && denied !== true),
    accepts: (allowed: boolean) => allowed
  })

  return Authorizer.of({
    degradedReason,
    isAllowed: (principal, request) =>
      Effect.suspend(() => {
        const spec = specOf(principal, request)
        return cached(digestOf(JSON.stringify(spec)), spec)
      })
  })
})

/** See the module's text. Needs the right to create `subjectaccessreviews`. */
export const layerKubeAuthorizer: Layer.Layer<Authorizer, never, KubeApi> = Layer.effect(Authorizer, make)
