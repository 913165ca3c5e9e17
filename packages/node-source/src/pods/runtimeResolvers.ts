/**
 * Pods by what container runtimes keep of the containers that run. Looked up when asked for, which costs next to nothing
 * where it is not there; once a container has ended it soon is not.
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
import { canBeConmon, type Monitored, parseConmon } from "./podNames.ts"

const maxConfigBytes = 2 << 20
const maxProcBytes = 16 * 1024
const chunkSize = 64

/** A file of at most `max` bytes, as text; undefined where it cannot be read or is longer. */
const readBounded = (path: string, max: number): string | undefined => {
  let fd
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
    if (!fstatSync(fd).isFile()) return undefined
    const buffer = Buffer.allocUnsafe(max + 1)
    let length = 0
    for (let count = 1; count > 0 && length <= max; length += count) {
      count = readSync(fd, buffer, length, buffer.length - length, null)
    }
    return length > max ? undefined : buffer.toString("utf8", 0, length)
  } catch {
    return undefined
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** Whether the file is where it seems to be: no link on the way leads out of the directory, nor that out of the root. */
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

/** By the configurations that containerd and CRI-O keep: namespace, pod, container and the name of the image. */
export const bundleResolver = (paths: Pick<HostPaths, "root" | "bundles">): PodResolver["Service"] => ({
  resolve: (cgroup) =>
    Effect.sync((): PodIdentity => {
      // An id is 64 hex digits: nothing else becomes part of a path.
      const id = cgroup.containerId
      if (id === undefined) return {}
      for (const { config, directory } of paths.bundles) {
        const file = join(id, config)
        if (!exists(join(directory, file)) || !isInPlace(paths.root, directory, file)) continue
        const json = readBounded(join(directory, file), maxConfigBytes)
        if (json !== undefined) return parseBundle(json, cgroup)
      }
      return {}
    }),
  updates: Effect.succeed(Stream.never),
  warnings: Effect.succeed([])
})

const ownerOf = (path: string): number | undefined => {
  try {
    return statSync(path).uid
  } catch {
    // The process has ended.
    return undefined
  }
}

const monitorAt = (directory: string, owner: number): Monitored | undefined => {
  const args = readBounded(join(directory, "cmdline"), maxProcBytes)?.split("\0")
  const monitored = args === undefined ? undefined : parseConmon(args)
  if (monitored === undefined || ownerOf(directory) !== owner) return undefined
  return canBeConmon(readBounded(join(directory, "cgroup"), maxProcBytes) ?? "", monitored.key) ? monitored : undefined
}

/** All containers that CRI-O's monitors watch now. Two that claim the same one: neither is believed. */
const monitors = Effect.fnUntraced(function*(proc: string, owner: number) {
  const found = new Map<string, Monitored | undefined>()
  const pids = yield* Effect.orElseSucceed(Effect.try(() => readdirSync(proc)), (): Array<string> => [])
  for (const [i, pid] of pids.filter((name) => /^\d+$/.test(name)).entries()) {
    if (i % chunkSize === chunkSize - 1) yield* Effect.yieldNow
    const monitored = monitorAt(join(proc, pid), owner)
    if (monitored !== undefined) found.set(monitored.key, found.has(monitored.key) ? undefined : monitored)
  }
  return found
})

/**
 * By the command lines of CRI-O's monitors, where the host's processes can be seen: namespace, pod and container.
 * Monitors run as `owner`, root unless said.
 */
export const conmonResolver = (
  paths: Pick<HostPaths, "proc">,
  owner = 0
): Effect.Effect<PodResolver["Service"]> =>
  // Many cores at once, as at start, are one look.
  Effect.map(Effect.cachedWithTTL(Effect.uninterruptible(monitors(paths.proc, owner)), "250 millis"), (looked) => ({
    resolve: ({ containerId, podUid }) =>
      containerId === undefined ? Effect.succeed({}) : Effect.map(looked, (found) => {
        const monitored = found.get(containerId)
        return monitored === undefined || monitored.podUid !== podUid ? {} : monitored.identity
      }),
    updates: Effect.succeed(Stream.never),
    warnings: Effect.succeed([])
  }))
