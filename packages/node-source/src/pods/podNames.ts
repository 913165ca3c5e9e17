/** Parses the names that the kubelet and container runtimes give to logs and processes. Pure functions. */
import type { PodIdentity } from "@koredump/core"
import { basename, dirname } from "node:path"

// Rules of Kubernetes for names (DNS labels and subdomains). None of these names contains a `_`.
const label = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
const subdomain = "[a-z0-9](?:[-.a-z0-9]{0,251}[a-z0-9])?"
const uid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32}"
const id = "[0-9a-f]{64}"

const containerLog = RegExp(`^(${subdomain})_(${label})_(${label})-(${id})\\.log$`)
const podLogs = RegExp(`^(${label})_(${subdomain})_(${uid})$`)
const conmonName = RegExp(`^k8s_(${label})_(${subdomain})_(${label})_(${uid})_\\d{1,10}$`)
const containerId = RegExp(`^${id}$`)
const oneLabel = RegExp(`^${label}$`)
const oneSubdomain = RegExp(`^${subdomain}$`)

/** Whether the text is a valid name of a namespace or container. */
export const isLabel = (text: string): boolean => oneLabel.test(text)
/** Whether the text is a valid name of a pod. */
export const isPodName = (text: string): boolean => oneSubdomain.test(text)

/** A parsed name. */
interface ParsedName {
  /** Container ID or pod UID. */
  readonly key: string
  readonly identity: PodIdentity
}

/**
 * Parses `<pod>_<namespace>_<container>-<container ID>.log`. The key is the container ID. The kubelet cuts names that are
 * too long for the file system: they have no complete ID and are not valid.
 */
export const parseContainerLog = (name: string): ParsedName | undefined => {
  const match = containerLog.exec(name)
  if (match === null) return undefined
  const [, pod = "", namespace = "", container = "", key = ""] = match
  return { key, identity: { namespace, pod, container } }
}

/** Parses `<namespace>_<pod>_<pod UID>`. The key is the UID as in the cgroup: for a static pod its configuration hash. */
export const parsePodLogs = (name: string): ParsedName | undefined => {
  const match = podLogs.exec(name)
  if (match === null) return undefined
  const [, namespace = "", pod = "", key = ""] = match
  return { key, identity: { namespace, pod } }
}

/** The pod UID in the path of a container log, `/var/log/pods/<pod>/<container>/<n>.log`. */
export const parseLogPath = (target: string): string | undefined =>
  parsePodLogs(basename(dirname(dirname(target))))?.key

/** The container of a monitor process. The key is the container ID. */
export interface MonitoredContainer extends ParsedName {
  readonly podUid: string
}

/** Parses the command line of a CRI-O monitor: `conmon … -c <id> -n k8s_<container>_<pod>_<namespace>_<uid>_<n>`. */
export const parseConmon = (args: ReadonlyArray<string>): MonitoredContainer | undefined => {
  if (basename(args[0] ?? "") !== "conmon") return undefined
  const getOption = (...flags: ReadonlyArray<string>) => {
    const values = args.filter((_, i) => flags.includes(args[i - 1] ?? ""))
    return values.length === 1 ? values[0] : undefined
  }
  const key = getOption("-c", "--cid") ?? ""
  const match = conmonName.exec(getOption("-n", "--name") ?? "")
  if (!containerId.test(key) || match === null) return undefined
  const [, container = "", pod = "", namespace = "", podUid = ""] = match
  return { key, podUid, identity: { namespace, pod, container } }
}

/**
 * Whether a process with these cgroups (the text of /proc/PID/cgroup) can be the monitor of the container. Its cgroup must
 * be `crio-conmon-<id>` or outside of pods, and not below a container: root in a container can create cgroups with any
 * name below its own, and run a program named `conmon` there.
 */
export const isConmonCgroup = (cgroups: string, key: string): boolean => {
  const paths = cgroups.split("\n").filter((line) => line !== "").map((line) => line.split(":").slice(2).join(":"))
  const monitor = RegExp(`^crio-conmon-${key}(?:\\.scope)?$`)
  return paths.length > 0 && paths.every((path) => {
    const segments = path.split("/")
    const index = segments.findIndex((segment) => monitor.test(segment))
    const parents = index === -1 ? segments : segments.slice(0, index)
    return !parents.some((segment) => RegExp(id).test(segment)) && (index !== -1 || !path.includes("kubepods"))
  })
}
