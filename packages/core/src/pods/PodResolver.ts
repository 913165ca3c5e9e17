import { Context, Effect, type Scope, Stream } from "effect"
import type { PodCgroup } from "./PodCgroup.ts"

/** Pod identity: a pod and one of its containers, with the field names of a core. Unknown fields are absent. */
export interface PodIdentity {
  readonly namespace?: string
  readonly pod?: string
  /** The UID in the Kubernetes API. For a static pod, the UID in its cgroup is another one. */
  readonly pod_uid?: string
  readonly container?: string
  readonly container_id?: string
  readonly image_name?: string
  readonly image_id?: string
  /** Kind and name, for example `Deployment/web`. */
  readonly workload?: string
}

/** Finds pod identities. See `chainPodResolvers` for how to combine several. */
export class PodResolver extends Context.Service<PodResolver, {
  /** The identity of the pod and container of a cgroup. Empty (`{}`) if it is unknown or ambiguous. */
  readonly resolve: (pod: PodCgroup) => Effect.Effect<PodIdentity>
  /**
   * Subscribes to updates: the stream emits the cgroup UID of each pod whose identity may have become more complete. It
   * never ends, and contains every update since the subscription, even if you start to read it later.
   */
  readonly updates: Effect.Effect<Stream.Stream<string>, never, Scope.Scope>
  /** Why identities of current pods may be missing, as sentences for operators. Empty if there is no problem. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/core/PodResolver") {}

/** Fields on which all identities of a pod must agree. Image names, and the UID of a static pod, may differ. */
const identifyingFields = ["namespace", "pod", "container"] as const

/** Merges identities. For fields that differ, the first one counts. Undefined if the identities are in conflict. */
export const mergePodIdentities = (identities: ReadonlyArray<PodIdentity>): PodIdentity | undefined => {
  const isConflict = identifyingFields.some((field) =>
    new Set(identities.map((identity) => identity[field]).filter((value) => value !== undefined)).size > 1
  )
  return isConflict ? undefined : Object.assign({}, ...identities.toReversed())
}

const maxLoggedPods = 1000

/**
 * Combines resolvers: merges the identities that they find. A wrong identity would show a core to the wrong users, so a
 * conflict leaves the identity empty and is logged once for each pod.
 */
export const chainPodResolvers = (
  resolvers: ReadonlyArray<PodResolver["Service"]>
): PodResolver["Service"] => {
  const logged = new Set<string>()

  const logConflict = (pod: PodCgroup, identities: ReadonlyArray<PodIdentity>) =>
    Effect.suspend(() => {
      const key = `${pod.podUid}/${pod.containerId}`
      if (logged.has(key)) return Effect.void
      if (logged.size >= maxLoggedPods) logged.clear()
      logged.add(key)
      return Effect.logWarning("Conflicting pod identity").pipe(
        Effect.annotateLogs({ ...pod, identities: JSON.stringify(identities) })
      )
    })

  return {
    resolve: Effect.fnUntraced(function*(pod) {
      const identities = yield* Effect.forEach(resolvers, (resolver) => resolver.resolve(pod), {
        concurrency: "unbounded"
      })
      const merged = mergePodIdentities(identities)
      if (merged === undefined) yield* logConflict(pod, identities)
      return merged ?? {}
    }),
    updates: Effect.map(
      Effect.forEach(resolvers, (resolver) => resolver.updates),
      (updates) => Stream.mergeAll(updates, { concurrency: "unbounded" })
    ),
    warnings: Effect.map(Effect.forEach(resolvers, (resolver) => resolver.warnings), (warnings) => warnings.flat())
  }
}
