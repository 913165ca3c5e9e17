/** What the names that kubelet and runtimes give to logs and processes say of pods. Decisions only. */
import type { PodIdentity } from "@koredump/core"
import { basename, dirname } from "node:path"

// Kubernetes' own rules for names (DNS labels and subdomains); none of them has a `_`.
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

/** Whether the text can be a namespace's or a container's name. */
export const isLabel = (text: string): boolean => oneLabel.test(text)
/** Whether the text can be a pod's name. */
export const isPodName = (text: string): boolean => oneSubdomain.test(text)

/** A name, and the key that it is found by. */
export interface Named {
  readonly key: string
  readonly identity: PodIdentity
}

/**
 * `<pod>_<namespace>_<container>-<container id>.log`, by the container's id. The kubelet cuts what is longer than a file's
 * name may be: such a one has no whole id, and says nothing.
 */
export const parseContainerLog = (name: string): Named | undefined => {
  const match = containerLog.exec(name)
  if (match === null) return undefined
  const [, pod = "", namespace = "", container = "", key = ""] = match
  return { key, identity: { namespace, pod, container } }
}

/** `<namespace>_<pod>_<pod uid>`, by the UID as the cgroup has it: of a static pod the hash of its configuration. */
export const parsePodLogs = (name: string): Named | undefined => {
  const match = podLogs.exec(name)
  if (match === null) return undefined
  const [, namespace = "", pod = "", key = ""] = match
  return { key, identity: { namespace, pod } }
}

/** The pod of a container's log by what the link to it says: `/var/log/pods/<pod>/<container>/<n>.log`. */
export const podUidOfLog = (target: string): string | undefined => parsePodLogs(basename(dirname(dirname(target))))?.key

/** A container as its monitor was told of it. */
export interface Monitored extends Named {
  readonly podUid: string
}

/** The command line of CRI-O's monitor of a container: `conmon … -c <id> -n k8s_<container>_<pod>_<namespace>_<uid>_<n>`. */
export const parseConmon = (args: ReadonlyArray<string>): Monitored | undefined => {
  if (basename(args[0] ?? "") !== "conmon") return undefined
  const valueOf = (...flags: ReadonlyArray<string>) => {
    const values = args.filter((_, i) => flags.includes(args[i - 1] ?? ""))
    return values.length === 1 ? values[0] : undefined
  }
  const key = valueOf("-c", "--cid") ?? ""
  const match = conmonName.exec(valueOf("-n", "--name") ?? "")
  if (!containerId.test(key) || match === null) return undefined
  const [, container = "", pod = "", namespace = "", podUid = ""] = match
  return { key, podUid, identity: { namespace, pod, container } }
}

/**
 * Whether a process with these cgroups (the text of /proc/PID/cgroup) can be the monitor of the container, and not
 * something in a container that calls itself so: its own cgroup is `crio-conmon-<id>` or no pod's, and it is in no
 * container's. Root in a container may make cgroups of any name below its own.
 */
export const canBeConmon = (cgroups: string, key: string): boolean => {
  const paths = cgroups.split("\n").filter((line) => line !== "").map((line) => line.split(":").slice(2).join(":"))
  const monitor = RegExp(`^crio-conmon-${key}(?:\\.scope)?$`)
  return paths.length > 0 && paths.every((path) => {
    const segments = path.split("/")
    const at = segments.findIndex((segment) => monitor.test(segment))
    const above = at === -1 ? segments : segments.slice(0, at)
    return !above.some((segment) => RegExp(id).test(segment)) && (at !== -1 || !path.includes("kubepods"))
  })
}
