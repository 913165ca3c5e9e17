/** Who may do what: the decision alone. What follows from it for lists, watches and downloads is `authorizeCoreSource`. */
import { Context, Effect, Layer } from "effect"
import type { NotReady } from "../model/Problem.ts"
import type { Principal } from "./Authenticator.ts"

/** What a principal wants to do, in the words of a Kubernetes SubjectAccessReview on API group `koredump.dev`. */
export interface AccessRequest {
  readonly verb: "list" | "watch" | "get" | "delete"
  /** `coredumps` are cores of pods, `nodecoredumps` (cluster-scoped) those that belong to no pod. */
  readonly resource: "coredumps" | "nodecoredumps"
  /** The core's bytes, and its environment. */
  readonly subresource?: "content"
  /** The namespace of the core's pod; without it all namespaces (for `nodecoredumps` always). */
  readonly namespace?: string
}

/** Decides. Fails with `NotReady` where whoever knows the rules cannot be asked: nothing is allowed then. */
export class Authorizer extends Context.Service<Authorizer, {
  readonly isAllowed: (principal: Principal, request: AccessRequest) => Effect.Effect<boolean, NotReady>
  /** Why it fails at present, in words; undefined when all is well. Left out where nobody is asked. */
  readonly degradedReason?: Effect.Effect<string | undefined>
}>()("@koredump/core/Authorizer") {}

/** Everybody may do everything: whoever gets as far as this was let in before. */
export const layerAllowAll: Layer.Layer<Authorizer> = Layer.succeed(Authorizer, {
  isAllowed: () => Effect.succeed(true)
})
