/**
 * Pod resolvers that use files and processes of container runtimes. They read them at each query, which is cheap. They find
 * only running containers, because the runtime cleans up soon after a container ends.
 */
import type { PodIdentity, PodResolver } from "@koredump/core"
import { Effect, Stream } from "effect"
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  statSync
} from "node:fs"
import { join, sep } from "node:path"
import type { HostPaths } from "../host/HostPaths.ts"
import { parseBundle } from "./parseBundle.ts"
import { isConmonCgroup, type MonitoredContainer, parseConmon } from "./podNames.ts"

const maxConfigBytes = 2 << 20
const maxProcBytes = 16 * 1024
const chunkSize = 64

/** Reads a text file. Undefined if it cannot be read or has more than `maxBytes`. */
const readSmallFile = (path: string, maxBytes: number): string | undefined => {
  let fd
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!fstatSync(fd).isFile()) return undefined
    const buffer = Buffer.allocUnsafe(maxBytes + 1)
    let length = 0
    for (let count = 1; count > 0 && length <= maxBytes; length += count) {
      count = readSync(fd, buffer, length, buffer.length - length, null)
    }
    return length > maxBytes ? undefined : buffer.toString("utf8", 0, length)
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Whether the file is inside the directory and the directory inside the root, after resolving symbolic links. */
const isInPlace = (root: string, directory: string, file: string): boolean => {
  try {
    const realRoot = realpathSync(root)
    const realDirectory = realpathSync(directory)
    return realpathSync(join(directory, file)) === join(realDirectory, file) &&
      realDirectory.startsWith(realRoot.endsWith(sep) ? realRoot : realRoot + sep)
  } catch {
    return false
  }
}

const exists = (path: string): boolean => {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false
  }
}

/** Finds namespace, pod, container and image name, from the configurations that containerd and CRI-O keep on disk. */
export const bundleResolver = (paths: Pick<HostPaths, "root" | "bundles">): PodResolver["Service"] => ({
  resolve: (cgroup) =>
    Effect.sync((): PodIdentity => {
      // A container ID has 64 hex digits, so it is safe in a path.
      const id = cgroup.containerId
      if (id === undefined) return {}
      for (const { config, directory } of paths.bundles) {
        const file = join(id, config)
        if (!exists(join(directory, file)) || !isInPlace(paths.root, directory, file)) continue
        const json = readSmallFile(join(directory, file), maxConfigBytes)
        if (json !== undefined) return parseBundle(json, cgroup)
      }
      return {}
    }),
  updates: Effect.succeed(Stream.never),
  warnings: Effect.succeed([])
})

const getOwner = (path: string): number | undefined => {
  try {
    return statSync(path).uid
  } catch {
    // The process has ended.
    return undefined
  }
}

const readMonitor = (directory: string, owner: number): MonitoredContainer | undefined => {
  const args = readSmallFile(join(directory, "cmdline"), maxProcBytes)?.split("\0")
  const container = args === undefined ? undefined : parseConmon(args)
  if (container === undefined || getOwner(directory) !== owner) return undefined
  return isConmonCgroup(readSmallFile(join(directory, "cgroup"), maxProcBytes) ?? "", container.key)
    ? container
    : undefined
}

/** All containers with a CRI-O monitor, by ID. Undefined: two monitors have the same container, so neither is used. */
const scanMonitors = Effect.fnUntraced(function*(proc: string, owner: number) {
  const containers = new Map<string, MonitoredContainer | undefined>()
  const pids = yield* Effect.orElseSucceed(Effect.try(() => readdirSync(proc)), (): Array<string> => [])
  for (const [i, pid] of pids.filter((name) => /^\d+$/.test(name)).entries()) {
    if (i % chunkSize === chunkSize - 1) yield* Effect.yieldNow
    const container = readMonitor(join(proc, pid), owner)
    if (container !== undefined) {
      containers.set(container.key, containers.has(container.key) ? undefined : container)
    }
  }
  return containers
})

/**
 * Finds namespace, pod and container, from the command lines of CRI-O monitor processes. Needs the PID namespace of the
 * host. Monitors run as UID `owner` (default: root).
 */
export const conmonResolver = (
  paths: Pick<HostPaths, "proc">,
  owner = 0
): Effect.Effect<PodResolver["Service"]> =>
  // At startup there are concurrent requests for many cores, which share one scan.
  Effect.map(
    Effect.cachedWithTTL(Effect.uninterruptible(scanMonitors(paths.proc, owner)), "250 millis"),
    (scanned) => ({
      resolve: ({ containerId, podUid }) =>
        containerId === undefined ? Effect.succeed({}) : Effect.map(scanned, (containers) => {
          const container = containers.get(containerId)
          return container === undefined || container.podUid !== podUid ? {} : container.identity
        }),
      updates: Effect.succeed(Stream.never),
      warnings: Effect.succeed([])
    })
  )
