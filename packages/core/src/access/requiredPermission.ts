import type { CoreSummary } from "../model/Core.ts"
import { isPodCgroup } from "../pods/PodCgroup.ts"
import type { AccessRequest } from "./Authorizer.ts"

/** What a permission is for: `coredumps` in one namespace or in all namespaces, or `nodecoredumps`. */
export type AccessTarget = Pick<AccessRequest, "resource" | "namespace">

/** Cores of pods in all namespaces. Also required for a core whose owner is unknown. */
export const allCoredumps: AccessTarget = { resource: "coredumps" }

/** Cores that belong to no pod. */
export const nodeCoredumps: AccessTarget = { resource: "nodecoredumps" }

/**
 * The target for which a caller needs permission. The rule is the same for list, watch, metadata, download and deletion.
 *
 * A core belongs to the node only if its cgroup proves that the process ran in no pod. Otherwise it might belong to a pod
 * in any namespace, so it requires permission for all namespaces.
 */
export const requiredPermission = (
  core: Pick<CoreSummary, "namespace" | "pod_uid" | "COREDUMP_CGROUP">
): AccessTarget => {
  const { COREDUMP_CGROUP: cgroup, namespace, pod_uid } = core
  if (namespace !== undefined && namespace !== "") return { resource: "coredumps", namespace }
  return pod_uid === undefined && cgroup !== undefined && cgroup.startsWith("/") && !isPodCgroup(cgroup)
    ? nodeCoredumps
    : allCoredumps
}
