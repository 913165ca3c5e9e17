import { Context, Effect, Layer } from "effect"
import { type AccessRequest, Authorizer } from "../access/Authorizer.ts"
import { NotReady } from "../model/Problem.ts"

/** A rule like in RBAC: it allows every combination of its verbs and resources. */
export interface FakeRule {
  /** Default: every user. */
  readonly user?: string
  readonly verbs: ReadonlyArray<AccessRequest["verb"]>
  readonly resources: ReadonlyArray<
    "coredumps" | "coredumps/content" | "nodecoredumps" | "nodecoredumps/content"
  >
  /** The namespace, like in a Role. Default: all namespaces, like in a ClusterRole. */
  readonly namespace?: string
}

/** An access request that the authorizer received. */
export interface FakeReview extends AccessRequest {
  readonly user: string
}

/** Scripts the rules of the fake authorizer. */
export class FakeRules extends Context.Service<FakeRules, {
  /** Replaces all rules. */
  readonly set: (rules: ReadonlyArray<FakeRule>) => Effect.Effect<void>
  /** While down, every request fails with `NotReady`. */
  readonly down: (down: boolean) => Effect.Effect<void>
  /** All requests so far, also failed ones. */
  readonly reviews: Effect.Effect<ReadonlyArray<FakeReview>>
}>()("@koredump/core/testing/FakeRules") {}

const permits = (rule: FakeRule, { namespace, resource, subresource, user, verb }: FakeReview): boolean =>
  (rule.user === undefined || rule.user === user) &&
  rule.verbs.includes(verb) &&
  rule.resources.includes(subresource === undefined ? resource : `${resource}/${subresource}`) &&
  (rule.namespace === undefined || rule.namespace === namespace)

/** An `Authorizer` with scripted rules, and the service that scripts them. */
export const layerFakeAuthorizer = (initial: ReadonlyArray<FakeRule> = []): Layer.Layer<Authorizer | FakeRules> =>
  Layer.effectContext(Effect.sync(() => {
    let rules = initial
    let isDown = false
    const reviews: Array<FakeReview> = []
    const authorizer = Authorizer.of({
      isAllowed: ({ username }, request) =>
        Effect.suspend(() => {
          const review = { user: username, ...request }
          reviews.push(review)
          return isDown
            ? Effect.fail(new NotReady({ detail: "The fake authorizer is down." }))
            : Effect.succeed(rules.some((rule) => permits(rule, review)))
        })
    })
    return Context.make(Authorizer, authorizer).pipe(Context.add(
      FakeRules,
      FakeRules.of({
        set: (next) =>
          Effect.sync(() => {
            rules = next
          }),
        down: (down) =>
          Effect.sync(() => {
            isDown = down
          }),
        reviews: Effect.sync(() => [...reviews])
      })
    ))
  }))
