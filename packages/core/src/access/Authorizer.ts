import { Context, Effect, Layer } from "effect"
import type { NotReady } from "../model/Problem.ts"
import type { Principal } from "./Authenticator.ts"

/** An action of a caller, in the terms of a Kubernetes SubjectAccessReview for API group `koredump.dev`. */
export interface AccessRequest {
  readonly verb: "list" | "watch" | "get" | "delete"
  /** `coredumps` are cores of pods. `nodecoredumps` (cluster-scoped) are cores that belong to no pod. */
  readonly resource: "coredumps" | "nodecoredumps"
  /** The core file and the environment of the process. */
  readonly subresource?: "content"
  /** Namespace of the core's pod. Default: all namespaces. Never set for `nodecoredumps`. */
  readonly namespace?: string
}

/**
 * Makes access decisions. Fails with `NotReady` if the decision cannot be made at the moment. The request is then
 * rejected. `authorizeCoreSource` applies the decisions to lists, watches and downloads.
 */
export class Authorizer extends Context.Service<Authorizer, {
  readonly isAllowed: (principal: Principal, request: AccessRequest) => Effect.Effect<boolean, NotReady>
  /** Why access decisions fail at the moment. Undefined if they work. */
  readonly degradedReason?: Effect.Effect<string | undefined>
}>()("@koredump/core/Authorizer") {}

/** Allows every request of an authenticated caller. */
export const layerAllowAll: Layer.Layer<Authorizer> = Layer.succeed(Authorizer, {
  isAllowed: () => Effect.succeed(true)
})
