/**
 * What a cgroup path says of the pod that a process belonged to. Formats and their sources: docs/decisions and the
 * table in the test beside this file (kubelet with both cgroup drivers, containerd, CRI-O, Docker, nested clusters).
 */

/** Pod UID and container id as a cgroup path has them. */
export interface PodCgroup {
  /** The pod's UID with dashes; for a static pod 32 hex digits, its config hash. */
  readonly podUid: string
  /** The runtime's id of the container, 64 hex digits. Absent for processes of the pod's own cgroup. */
  readonly containerId?: string
}

// `pod<uid>`: with `-` under the cgroupfs driver, `_` in systemd's slices, 32 hex for static pods.
const podSegment =
  /(?:^|-)pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?:\.slice)?$/
// `<id>`, `cri-containerd-<id>.scope`, `crio-<id>`, `docker-<id>.scope`
const containerSegment = /^(?:cri-containerd-|crio-|docker-|libpod-)?([0-9a-f]{64})(?:\.scope)?$/
// The runtime's monitor of a container runs on the host's behalf.
const monitorSegment = /^crio-conmon-/

/** Whether the path lies below the kubelet's cgroup root. */
export const isPodCgroup = (path: string): boolean => path.includes("kubepods")

/**
 * The pod of a cgroup path; undefined where the path is no pod's. Levels below the container's own are passed over
 * (systemd in a pod, crun); of nested pods the outermost counts, the one that this node's kubelet runs.
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
 * The pod that the cgroup paths of one process name, one path for each hierarchy of the kernel. Paths of no pod are
 * passed over (a runtime joins not all hierarchies), a path of the pod alone says nothing of the container. Where two
 * name different pods or containers, none is believed.
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
