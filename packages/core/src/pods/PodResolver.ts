/** Which pod a process belonged to: from the facts of its cgroup to names. */
import { Context, Effect, type Scope, Stream } from "effect"
import type { PodCgroup } from "./PodCgroup.ts"

/** A pod and one of its containers, by the keys of the model. What is not known has no key. */
export interface PodIdentity {
  readonly namespace?: string
  readonly pod?: string
  /** The UID that the Kubernetes API knows the pod by; for a static pod not the one of its cgroup. */
  readonly pod_uid?: string
  readonly container?: string
  readonly container_id?: string
  readonly image_name?: string
  readonly image_id?: string
  /** `Deployment/web`. */
  readonly workload?: string
}

/** Knows pods. Several stand behind one another, see `chainPodResolvers`. */
export class PodResolver extends Context.Service<PodResolver, {
  /** What is known of the pod and container of a cgroup; nothing (`{}`) where it is not known, or not beyond doubt. */
  readonly resolve: (pod: PodCgroup) => Effect.Effect<PodIdentity>
  /**
   * Pods of which more may be known now than before, by the UID of their cgroup: a stream that never ends and misses
   * nothing from when this effect is done, however late it is read.
   */
  readonly updates: Effect.Effect<Stream.Stream<string>, never, Scope.Scope>
  /** What keeps it from knowing the pods there are now, in words. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/core/PodResolver") {}

/** What two who know the same pod must agree on. The rest may differ: names of an image, and a static pod's UID. */
const names = ["namespace", "pod", "container"] as const

/** All that several answers know, the first of two that differ; undefined where they contradict one another. */
export const mergePodIdentities = (identities: ReadonlyArray<PodIdentity>): PodIdentity | undefined => {
  const contradicted = names.some((key) =>
    new Set(identities.map((identity) => identity[key]).filter((name) => name !== undefined)).size > 1
  )
  return contradicted ? undefined : Object.assign({}, ...identities.toReversed())
}

const maxRemembered = 1000

/**
 * Several resolvers as one: each is asked, and what one of them does not know another may. A wrong answer would show a
 * core to the wrong people, so two that contradict one another are none, and the log says so once for each pod.
 */
export const chainPodResolvers = (
  resolvers: ReadonlyArray<PodResolver["Service"]>
): PodResolver["Service"] => {
  const told = new Set<string>()

  const contradiction = (pod: PodCgroup, identities: ReadonlyArray<PodIdentity>) =>
    Effect.suspend(() => {
      const key = `${pod.podUid}/${pod.containerId}`
      if (told.has(key)) return Effect.void
      if (told.size >= maxRemembered) told.clear()
      told.add(key)
      return Effect.logWarning("Two answers to which pod this was: none is believed").pipe(
        Effect.annotateLogs({ ...pod, identities: JSON.stringify(identities) })
      )
    })

  return {
    resolve: Effect.fnUntraced(function*(pod) {
      const identities = yield* Effect.forEach(resolvers, (resolver) => resolver.resolve(pod), {
        concurrency: "unbounded"
      })
      const merged = mergePodIdentities(identities)
      if (merged === undefined) yield* contradiction(pod, identities)
      return merged ?? {}
    }),
    updates: Effect.map(
      Effect.forEach(resolvers, (resolver) => resolver.updates),
      (updates) => Stream.mergeAll(updates, { concurrency: "unbounded" })
    ),
    warnings: Effect.map(Effect.forEach(resolvers, (resolver) => resolver.warnings), (lacking) => lacking.flat())
  }
}
