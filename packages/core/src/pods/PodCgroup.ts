/**
 * Finds the pod of a process from its cgroup path. `PodCgroup.test.ts` has a table of the formats: kubelet with both
 * cgroup drivers, containerd, CRI-O, Docker, nested clusters.
 */

/** The pod UID and container ID in a cgroup path. */
export interface PodCgroup {
  /** The UID of the pod, with dashes. For a static pod its config hash, 32 hexadecimal digits. */
  readonly podUid: string
  /** The container ID, 64 hexadecimal digits. Absent for a process in the cgroup of the pod itself. */
  readonly containerId?: string
}

// `pod<uid>`: with `-` for the cgroupfs driver, `_` in systemd slices, 32 hexadecimal digits for static pods.
const podSegment =
  /(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/
// `<id>`, `cri-containerd-<id>.scope`, `crio-<id>`, `docker-<id>.scope`
const containerSegment = /^(?:cri-containerd-|crio-|docker-|libpod-)?([0-9a-f]{64})(?:\.scope)?$/
// The monitor process of CRI-O belongs to the host, not to the container.
const monitorSegment = /^crio-conmon-/

/** Whether the path is below the cgroup root of the kubelet. */
export const isPodCgroup = (path: string): boolean => path.includes("kubepods")

/**
 * The pod of a cgroup path. Undefined if the path belongs to no pod. Levels below the container (systemd in a pod, crun)
 * are ignored. For nested pods the outermost one counts: this node's kubelet runs it.
 */
export const parsePodCgroup = (path: string): PodCgroup | undefined => {
  if (!isPodCgroup(path)) return undefined
  // runc's colon form: `…-pod<uid>.slice:cri-containerd:<id>`
  const segments = path.split("/").flatMap((segment) => segment.split(":"))
  const pod = segments.findIndex((segment) => podSegment.test(segment))
  if (pod === -1) return undefined
  const podUid = podSegment.exec(segments[pod]!)![1]!.replaceAll("_", "-")
  for (const segment of segments.slice(pod + 1)) {
    if (monitorSegment.test(segment)) return undefined
    const containerId = containerSegment.exec(segment)?.[1]
    if (containerId !== undefined) return { podUid, containerId }
  }
  return { podUid }
}

/**
 * The pod of a process, from its cgroup paths in all cgroup hierarchies. Paths without a pod are ignored: container
 * runtimes do not join all hierarchies. A path of the pod itself is compatible with every container of the pod. Undefined
 * if the paths belong to different pods or containers.
 */
export const parsePodCgroups = (paths: ReadonlyArray<string>): PodCgroup | undefined => {
  const pods = paths.map(parsePodCgroup).filter((pod) => pod !== undefined)
  const uids = new Set(pods.map(({ podUid }) => podUid))
  const ids = new Set(pods.flatMap(({ containerId }) => containerId ?? []))
  const [podUid] = uids
  const [containerId] = ids
  if (podUid === undefined || uids.size > 1 || ids.size > 1) return undefined
  return containerId === undefined ? { podUid } : { podUid, containerId }
}
