/** What is known of the pod that a core came from, and how it grows. Decisions only. */
import type { PodCgroup, PodIdentity, UnversionedCore } from "@koredump/core"

/** A pod as it was found out for the container with this cgroup. */
export interface KnownPod {
  readonly cgroup: PodCgroup
  readonly identity: PodIdentity
}

const isSameCgroup = (a: PodCgroup, b: PodCgroup) => a.podUid === b.podUid && a.containerId === b.containerId

/** What is known, where it was found out for this very container. */
export const identityFor = (cgroup: PodCgroup | undefined, known: KnownPod | undefined): PodIdentity =>
  cgroup !== undefined && known !== undefined && isSameCgroup(cgroup, known.cgroup) ? known.identity : {}

/** The model's fields of a pod: what its cgroup tells, and what else is known. */
export const podFacts = (cgroup: PodCgroup | undefined, known: KnownPod | undefined): Partial<UnversionedCore> =>
  cgroup === undefined ? {} : {
    pod_uid: cgroup.podUid,
    ...(cgroup.containerId === undefined ? {} : { container_id: cgroup.containerId }),
    ...identityFor(cgroup, known)
  }

const naming = ["namespace", "pod", "pod_uid", "container", "container_id"] as const

/** Whether two answers cannot be about one container. */
const contradict = (a: PodIdentity, b: PodIdentity): boolean =>
  naming.some((key) => a[key] !== undefined && b[key] !== undefined && a[key] !== b[key])

/**
 * What is known with what was found added. What was said nearest to the crash stays: an answer that contradicts it is
 * refused as a whole (`undefined`), other values for the same facts are passed over.
 */
export const addIdentity = (known: PodIdentity, found: PodIdentity): PodIdentity | undefined =>
  contradict(known, found) ? undefined : { ...found, ...known }

/** Whether nothing is left to be found out. `workload` is none's of a bare pod: it comes with the image's id. */
export const isComplete = (cgroup: PodCgroup, identity: PodIdentity): boolean =>
  identity.namespace !== undefined && identity.pod !== undefined &&
  (cgroup.containerId === undefined
    ? identity.workload !== undefined
    : identity.container !== undefined && identity.image_name !== undefined && identity.image_id !== undefined)
