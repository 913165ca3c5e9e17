/** The pod identity of a core, and how answers of pod resolvers are combined. Pure functions. */
import type { PodCgroup, PodIdentity, UnversionedCore } from "@koredump/core"

/** A pod identity, and the cgroup of the container that it was resolved for. */
export interface ResolvedPod {
  readonly cgroup: PodCgroup
  readonly identity: PodIdentity
}

const isSameCgroup = (a: PodCgroup, b: PodCgroup) => a.podUid === b.podUid && a.containerId === b.containerId

/** The resolved identity, if it was resolved for this container. Empty otherwise. */
export const getIdentity = (cgroup: PodCgroup | undefined, pod: ResolvedPod | undefined): PodIdentity =>
  cgroup !== undefined && pod !== undefined && isSameCgroup(cgroup, pod.cgroup) ? pod.identity : {}

/** The pod fields of a core: those from its cgroup, and those of its resolved identity. */
export const toPodFields = (cgroup: PodCgroup | undefined, pod: ResolvedPod | undefined): Partial<UnversionedCore> =>
  cgroup === undefined ? {} : {
    pod_uid: cgroup.podUid,
    ...(cgroup.containerId === undefined ? {} : { container_id: cgroup.containerId }),
    ...getIdentity(cgroup, pod)
  }

const identifyingKeys = ["namespace", "pod", "pod_uid", "container", "container_id"] as const

/** Whether two answers cannot describe the same container. */
const isContradiction = (a: PodIdentity, b: PodIdentity): boolean =>
  identifyingKeys.some((key) => a[key] !== undefined && b[key] !== undefined && a[key] !== b[key])

/**
 * Adds a later answer to the known identity. Known values stay, because they were resolved closer to the crash. Undefined:
 * the answer contradicts the known identity, so nothing of it is used.
 */
export const addAnswer = (known: PodIdentity, answer: PodIdentity): PodIdentity | undefined =>
  isContradiction(known, answer) ? undefined : { ...answer, ...known }

/** Whether no resolver can add anything. A bare pod has no workload: if it has one, it comes with the image ID. */
export const isComplete = (cgroup: PodCgroup, identity: PodIdentity): boolean =>
  identity.namespace !== undefined && identity.pod !== undefined &&
  (cgroup.containerId === undefined
    ? identity.workload !== undefined
    : identity.container !== undefined && identity.image_name !== undefined && identity.image_id !== undefined)
