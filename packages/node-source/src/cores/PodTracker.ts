import { coreStem, type PodCgroup, type PodIdentity, type PodResolver } from "@koredump/core"
import { Effect, Option, Queue, Stream } from "effect"
import type { JournalEntryInfo } from "../journal/decodeEntry.ts"
import { addAnswer, getIdentity, isComplete, type ResolvedPod } from "../pods/ResolvedPod.ts"
import type { HostCores } from "./HostCores.ts"

/** Options of a pod tracker. */
interface PodTrackerOptions {
  readonly cores: HostCores
  readonly resolver: PodResolver["Service"]
  /** Called when the pod identity of a core has become more complete. */
  readonly onResolved: (stem: string, pod: ResolvedPod) => void
}

/** Resolves the pods of cores, and resolves them again when the resolver reports an update. */
export interface PodTracker {
  /** Resolves the pod of a new journal entry. */
  readonly onEntry: (entry: JournalEntryInfo) => void
  /** Removes cores that no longer exist. */
  readonly prune: () => void
  /** Queries the resolver. Must run for as long as the tracker is used. */
  readonly run: Effect.Effect<void>
}

const timeout = "5 seconds"
/** Queries at the same time, so that a slow one does not delay the others. */
const concurrency = 16

const unknown: PodIdentity = {}

/** A tracker for the pods of these cores. The scope ends its subscription to the resolver. */
export const makePodTracker = Effect.fnUntraced(function*({ cores, onResolved, resolver }: PodTrackerOptions) {
  // Subscribe first: an update that arrives while a query runs causes another query.
  const updates = yield* resolver.updates
  const queue = yield* Queue.unbounded<string>()
  const queued = new Set<string>()
  /** Stems of cores whose identity is not complete, by the pod UID in their cgroup. */
  const incomplete = new Map<string, Set<string>>()

  const enqueue = (stem: string) => {
    if (queued.has(stem)) return
    queued.add(stem)
    Queue.offerUnsafe(queue, stem)
  }

  const removeIncomplete = (podUid: string, stem: string) => {
    const stems = incomplete.get(podUid)
    if (stems?.delete(stem) === true && stems.size === 0) incomplete.delete(podUid)
  }

  const query = (stem: string, cgroup: PodCgroup) =>
    resolver.resolve(cgroup).pipe(
      Effect.timeoutOption(timeout),
      Effect.map(Option.getOrElse(() => unknown)),
      Effect.catchCause((cause) =>
        Effect.logWarning("Pod lookup failed", cause).pipe(
          Effect.annotateLogs({ core: stem }),
          Effect.as(unknown)
        )
      )
    )

  const resolve = Effect.fnUntraced(function*(stem: string) {
    queued.delete(stem)
    const cgroup = cores.entry(stem)?.pod
    if (cgroup === undefined) return
    const answer = yield* query(stem, cgroup)
    const known = getIdentity(cgroup, cores.pod(stem))
    const identity = addAnswer(known, answer)
    if (identity === undefined) {
      removeIncomplete(cgroup.podUid, stem)
      return yield* Effect.logWarning("Pod identity changed: keeping the first one").pipe(
        Effect.annotateLogs({ core: stem, known: JSON.stringify(known), reported: JSON.stringify(answer) })
      )
    }
    if (isComplete(cgroup, identity)) removeIncomplete(cgroup.podUid, stem)
    if (Object.keys(identity).length === Object.keys(known).length) return
    const pod = { cgroup, identity }
    cores.putPod(stem, pod)
    onResolved(stem, pod)
  })

  const onUpdate = (podUid: string) => {
    for (const stem of incomplete.get(podUid) ?? []) enqueue(stem)
  }

  const tracker: PodTracker = {
    onEntry: (entry) => {
      if (entry.pod === undefined) return
      const stem = coreStem(entry.id)
      if (isComplete(entry.pod, getIdentity(entry.pod, cores.pod(stem)))) return
      const stems = incomplete.get(entry.pod.podUid) ?? new Set()
      incomplete.set(entry.pod.podUid, stems.add(stem))
      enqueue(stem)
    },
    prune: () => {
      for (const [podUid, stems] of incomplete) {
        for (const stem of stems) if (!cores.hasEntry(stem)) removeIncomplete(podUid, stem)
      }
    },
    run: Effect.all([
      Stream.fromQueue(queue).pipe(Stream.mapEffect(resolve, { concurrency, unordered: true }), Stream.runDrain),
      Stream.runForEach(updates, (podUid) => Effect.sync(() => onUpdate(podUid)))
    ], { concurrency: "unbounded", discard: true })
  }
  return tracker
})
