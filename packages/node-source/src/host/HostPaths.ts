/** Where things are on the host whose cores are served. The only place that joins host paths. */
import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"

/** See the module's text. */
export interface HostPaths {
  /** `/`, or where the host's file system is mounted. */
  readonly root: string
  /** Whether the host is the one that this process runs on, and not a mounted one. */
  readonly isThisHost: boolean
  readonly coredumpDir: string
  /** The parents of the journal's directories: volatile and persistent. */
  readonly journalDirs: ReadonlyArray<string>
  readonly machineId: string
  readonly passwd: string
  /** The kernel's setting; one kernel serves host and containers alike. */
  readonly corePattern: string
  /** The processes that can be seen from here. */
  readonly proc: string
  /** Links to the logs of running containers, made by the kubelet. */
  readonly containerLogs: string
  /** A directory for each pod, made by the kubelet. */
  readonly podLogs: string
  /** Where container runtimes keep what they run: a directory for each container, and its configuration in that. */
  readonly bundles: ReadonlyArray<{ readonly directory: string; readonly config: string }>
  /** The file of a core in the coredump directory. The name must be a core's: such names hold no `/`. */
  readonly core: (name: string) => string
}

/** Paths below `root`. */
export const hostPaths = (
  options: { readonly root?: string | undefined; readonly coredumpDir?: string | undefined } = {}
): HostPaths => {
  const root = options.root ?? "/"
  const coredumpDir = options.coredumpDir ?? join(root, "var/lib/systemd/coredump")
  return {
    root,
    isThisHost: root === "/",
    coredumpDir,
    journalDirs: [join(root, "run/log/journal"), join(root, "var/log/journal")],
    machineId: join(root, "etc/machine-id"),
    passwd: join(root, "etc/passwd"),
    corePattern: "/proc/sys/kernel/core_pattern",
    proc: "/proc",
    containerLogs: join(root, "var/log/containers"),
    podLogs: join(root, "var/log/pods"),
    bundles: [
      { directory: join(root, "run/containerd/io.containerd.runtime.v2.task/k8s.io"), config: "config.json" },
      { directory: join(root, "run/containers/storage/overlay-containers"), config: "userdata/config.json" },
      { directory: join(root, "var/run/containers/storage/overlay-containers"), config: "userdata/config.json" }
    ],
    core: (name) => join(coredumpDir, name)
  }
}

/** The name of the host whose file system is at `root`; this host's where that does not tell. */
export const hostNameAt = (root: string): string => {
  if (root === "/") return hostname()
  try {
    const name = readFileSync(join(root, "etc/hostname"), "utf8").trim()
    return /^[\w.-]{1,253}$/.test(name) ? name : hostname()
  } catch {
    return hostname()
  }
}
