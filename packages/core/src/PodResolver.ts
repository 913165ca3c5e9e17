/** Which pod a process belonged to: from the facts of its cgroup to names. */
import { Context, type Effect, type Stream } from "effect"
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
  /** Pods of which more may be known now than before, by the UID of their cgroup. Never ends. */
  readonly updates: Stream.Stream<string>
}>()("@koredump/core/PodResolver") {}
