/** An `Authorizer` whose rules a test scripts and changes. */
import { Context, Effect, Layer } from "effect"
import { type AccessRequest, Authorizer } from "../access/Authorizer.ts"
import { NotReady } from "../model/Problem.ts"

/** A rule, as RBAC has them: everything that it names is allowed. */
export interface FakeRule {
  /** Whose; everybody's unless said. */
  readonly user?: string
  readonly verbs: ReadonlyArray<AccessRequest["verb"]>
  readonly resources: ReadonlyArray<
    "coredumps" | "coredumps/content" | "nodecoredumps" | "nodecoredumps/content"
  >
  /** As of a Role; without it everywhere, as of a ClusterRole. */
  readonly namespace?: string
}

/** A request that was made. */
export interface FakeReview extends AccessRequest {
  readonly user: string
}

/** Scripts the rules of the fake. */
export class FakeRules extends Context.Service<FakeRules, {
  /** From now on these hold, and no others. */
  readonly set: (rules: ReadonlyArray<FakeRule>) => Effect.Effect<void>
  /** Whether the rules cannot be asked for: every request fails with `NotReady`. */
  readonly down: (down: boolean) => Effect.Effect<void>
  /** All requests so far, failed ones too. */
  readonly reviews: Effect.Effect<ReadonlyArray<FakeReview>>
}>()("@koredump/core/testing/FakeRules") {}

const permits = (rule: FakeRule, { namespace, resource, subresource, user, verb }: FakeReview): boolean =>
  (rule.user === undefined || rule.user === user) &&
  rule.verbs.includes(verb) &&
  rule.resources.includes(subresource === undefined ? resource : `${resource}/${subresource}`) &&
  (rule.namespace === undefined || rule.namespace === namespace)

/** The fake authorizer and the service that scripts it. */
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
            ? Effect.fail(new NotReady({ detail: "The rules cannot be asked for." }))
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
