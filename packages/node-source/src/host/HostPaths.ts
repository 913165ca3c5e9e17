import { readFileSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"

/** Paths of the host whose cores are served. No other module joins paths of the host. */
export interface HostPaths {
  /** `/`, or the directory where the file system of the host is mounted. */
  readonly root: string
  /** Whether this process runs on the host itself, as opposed to a mounted host. */
  readonly isThisHost: boolean
  readonly coredumpDir: string
  /** Parent directories of the volatile and the persistent journal. */
  readonly journalDirs: ReadonlyArray<string>
  readonly machineId: string
  readonly passwd: string
  /** The kernel setting `kernel.core_pattern`. Host and containers share one kernel, so it is never below `root`. */
  readonly corePattern: string
  /** The processes that are visible from here. */
  readonly proc: string
  /** The kubelet creates a symbolic link here for the log of each running container. */
  readonly containerLogs: string
  /** The kubelet creates a directory here for each pod. */
  readonly podLogs: string
  /** Container runtimes keep a directory for each running container here, with its configuration in file `config`. */
  readonly bundles: ReadonlyArray<{ readonly directory: string; readonly config: string }>
  /** The path of a core file. `name` must be a core ID: core IDs contain no `/`. */
  readonly core: (name: string) => string
}

/** The paths below `root`. Defaults: root `/`, coredump directory `<root>/var/lib/systemd/coredump`. */
export const makeHostPaths = (
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

/** The host name in `<root>/etc/hostname`. If there is none or it is invalid, the name of this machine. */
export const hostNameAt = (root: string): string => {
  if (root === "/") return hostname()
  try {
    const name = readFileSync(join(root, "etc/hostname"), "utf8").trim()
    return /^[\w.-]{1,253}$/.test(name) ? name : hostname()
  } catch {
    return hostname()
  }
}
