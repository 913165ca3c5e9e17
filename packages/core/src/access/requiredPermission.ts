/** What one must have a right to in order to see a core: the rule that list, watch, metadata and download share. */
import type { CoreSummary } from "../model/Core.ts"
import { isPodCgroup } from "../pods/PodCgroup.ts"
import type { AccessRequest } from "./Authorizer.ts"

/** What a right is held on: `coredumps` of one namespace or of all, or `nodecoredumps`. */
export type CoreAccess = Pick<AccessRequest, "resource" | "namespace">

/** Cores of pods, in all namespaces: what a core needs of which it is not known (yet) where it belongs. */
export const everyCoredump: CoreAccess = { resource: "coredumps" }

/** Cores that belong to no pod. */
export const nodeCoredumps: CoreAccess = { resource: "nodecoredumps" }

/**
 * The right that a core needs. A core is a node's only where its cgroup proves that the process was no pod's; one that
 * might be a pod's is for those alone who may see the cores of all of them.
 */
export const requiredPermission = (
  core: Pick<CoreSummary, "namespace" | "pod_uid" | "COREDUMP_CGROUP">
): CoreAccess => {
  const { COREDUMP_CGROUP: cgroup, namespace, pod_uid } = core
  if (namespace !== undefined && namespace !== "") return { resource: "coredumps", namespace }
  return pod_uid === undefined && cgroup !== undefined && cgroup.startsWith("/") && !isPodCgroup(cgroup)
    ? nodeCoredumps
    : everyCoredump
}
