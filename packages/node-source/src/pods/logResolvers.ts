/**
 * Pod resolvers that use the names that the kubelet gives to logs. The kubelet removes the link to a container log within
 * seconds after the container ends, and the log directory of a pod together with the pod. So names are kept in memory.
 */
import type { PodIdentity, PodResolver } from "@koredump/core"
import { Effect, Equal, type FileSystem, PubSub, type Scope, Stream } from "effect"
import { LRUCache } from "lru-cache"
import { readlinkSync } from "node:fs"
import { join } from "node:path"
import { parseContainerLog, parseLogPath, parsePodLogs } from "./podNames.ts"
import { watchNames } from "./watchNames.ts"

const maxNames = 10_000
const maxUpdates = 16_384

/** Two names of the same container or pod must agree. If they do not, the identity stays empty. */
const reconcile = (before: PodIdentity | undefined, now: PodIdentity): PodIdentity =>
  before === undefined || Equal.equals(before, now) ? now : {}

type MakeResolver = Effect.Effect<PodResolver["Service"], never, FileSystem.FileSystem | Scope.Scope>

/** The UID of the pod whose log directory a link points to. Reads the link, does not follow it. */
const readPodUid = (path: string): string | undefined => {
  try {
    return parseLogPath(readlinkSync(path))
  } catch {
    // Already removed, or not a symbolic link.
    return undefined
  }
}

/** Finds namespace, pod and container by container ID, from the names of the links in `/var/log/containers`. */
export const containerLogsResolver: (directory: string) => MakeResolver = Effect.fnUntraced(function*(directory) {
  const containers = new LRUCache<string, { readonly podUid: string | undefined; readonly identity: PodIdentity }>({
    max: maxNames
  })
  const updates = yield* PubSub.sliding<string>(maxUpdates)
  yield* Effect.forkScoped(watchNames(directory, (name) => {
    const parsed = parseContainerLog(name)
    if (parsed === undefined) return
    const before = containers.get(parsed.key)
    const podUid = before?.podUid ?? readPodUid(join(directory, name))
    containers.set(parsed.key, { podUid, identity: reconcile(before?.identity, parsed.identity) })
    if (before === undefined && podUid !== undefined) PubSub.publishUnsafe(updates, podUid)
  }))
  return {
    resolve: ({ containerId, podUid }) =>
      Effect.sync(() => {
        const container = containerId === undefined ? undefined : containers.get(containerId)
        return container === undefined || (container.podUid ?? podUid) !== podUid ? {} : container.identity
      }),
    updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
    warnings: Effect.succeed([])
  }
})

/** Finds namespace and pod by pod UID, from the names of the directories in `/var/log/pods`. */
export const podLogsResolver: (directory: string) => MakeResolver = Effect.fnUntraced(function*(directory) {
  const pods = new LRUCache<string, PodIdentity>({ max: maxNames })
  const updates = yield* PubSub.sliding<string>(maxUpdates)
  yield* Effect.forkScoped(watchNames(directory, (name) => {
    const parsed = parsePodLogs(name)
    if (parsed === undefined) return
    const before = pods.get(parsed.key)
    pods.set(parsed.key, reconcile(before, parsed.identity))
    if (before === undefined) PubSub.publishUnsafe(updates, parsed.key)
  }))
  return {
    resolve: ({ podUid }) => Effect.sync(() => pods.get(podUid) ?? {}),
    updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
    warnings: Effect.succeed([])
  }
})
