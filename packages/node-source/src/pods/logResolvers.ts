/**
 * Pods by the names that the kubelet gives to their logs. The link to a container's log goes within seconds after the
 * container has ended, and the pod's directory with the pod: what was there once is remembered.
 */
import type { PodIdentity, PodResolver } from "@koredump/core"
import { Effect, Equal, type FileSystem, PubSub, type Scope, Stream } from "effect"
import { readlinkSync } from "node:fs"
import { join } from "node:path"
import { Memory } from "./Memory.ts"
import { parseContainerLog, parsePodLogs, podUidOfLog } from "./podNames.ts"
import { watchNames } from "./watchNames.ts"

const maxRemembered = 10_000
const maxUpdates = 16_384

/** What a name says, together with what another said of the same: nothing where they differ. */
const agreed = (before: PodIdentity | undefined, now: PodIdentity): PodIdentity =>
  before === undefined || Equal.equals(before, now) ? now : {}

type Made = Effect.Effect<PodResolver["Service"], never, FileSystem.FileSystem | Scope.Scope>

/** The pod whose directory of logs a link points into; the link is read, not followed. */
const podUidOfLink = (path: string): string | undefined => {
  try {
    return podUidOfLog(readlinkSync(path))
  } catch {
    // Gone already, or no link.
    return undefined
  }
}

/** By the container's id: namespace, pod and container, from the names of the links in `/var/log/containers`. */
export const containerLogsResolver: (directory: string) => Made = Effect.fnUntraced(function*(directory) {
  const seen = new Memory<{ readonly podUid: string | undefined; readonly identity: PodIdentity }>(maxRemembered)
  const updates = yield* PubSub.sliding<string>(maxUpdates)
  yield* Effect.forkScoped(watchNames(directory, (name) => {
    const named = parseContainerLog(name)
    if (named === undefined) return
    const before = seen.get(named.key)
    const podUid = before?.podUid ?? podUidOfLink(join(directory, name))
    seen.set(named.key, { podUid, identity: agreed(before?.identity, named.identity) })
    if (before === undefined && podUid !== undefined) PubSub.publishUnsafe(updates, podUid)
  }))
  return {
    resolve: ({ containerId, podUid }) =>
      Effect.sync(() => {
        const found = containerId === undefined ? undefined : seen.get(containerId)
        return found === undefined || (found.podUid ?? podUid) !== podUid ? {} : found.identity
      }),
    updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
    warnings: Effect.succeed([])
  }
})

/** By the pod's UID: namespace and pod, from the names of the directories in `/var/log/pods`. */
export const podLogsResolver: (directory: string) => Made = Effect.fnUntraced(function*(directory) {
  const seen = new Memory<PodIdentity>(maxRemembered)
  const updates = yield* PubSub.sliding<string>(maxUpdates)
  yield* Effect.forkScoped(watchNames(directory, (name) => {
    const named = parsePodLogs(name)
    if (named === undefined) return
    const before = seen.get(named.key)
    seen.set(named.key, agreed(before, named.identity))
    if (before === undefined) PubSub.publishUnsafe(updates, named.key)
  }))
  return {
    resolve: ({ podUid }) => Effect.sync(() => seen.get(podUid) ?? {}),
    updates: Effect.map(PubSub.subscribe(updates), Stream.fromSubscription),
    warnings: Effect.succeed([])
  }
})
