/** Finds out which pods the cores of this host came from, and keeps it. */
import { coreStem, type PodCgroup, type PodIdentity, type PodResolver } from "@koredump/core"
import { Cause, Effect, Option, Queue, Stream } from "effect"
import type { JournalFacts } from "../journal/JournalEntry.ts"
import { addIdentity, identityFor, isComplete, type KnownPod } from "../pods/ResolvedPod.ts"
import type { HostCores } from "./HostCores.ts"

/** What the answers are for, and who gives them. */
export interface PodTracking {
  readonly cores: HostCores
  readonly resolver: PodResolver["Service"]
  /** Told each time more is known of a core's pod than before. */
  readonly found: (stem: string, pod: KnownPod) => void
}

/** Takes the entries of the journal as they come; asks for as long as `run` runs. */
export interface PodTracker {
  readonly met: (entry: JournalFacts) => void
  /** Forgets what was to be found out of cores that are no longer known. */
  readonly tidy: () => void
  readonly run: Effect.Effect<void>
}

const patience = "5 seconds"
/** Questions at once: one that is answered slowly does not hold up the others. */
const concurrency = 16

const nothing: PodIdentity = {}

/** See the module's text. */
export const trackPods = Effect.fnUntraced(function*({ cores, found, resolver }: PodTracking) {
  const questions = yield* Queue.unbounded<string>()
  // Before anything is asked: what becomes known after an answer is told, and so is asked again.
  const updates = yield* resolver.updates
  const asked = new Set<string>()
  /** Stems of cores of which more can be found out, by the UID of the pod's cgroup. */
  const unfinished = new Map<string, Set<string>>()

  const ask = (stem: string) => {
    if (asked.has(stem)) return
    asked.add(stem)
    Queue.offerUnsafe(questions, stem)
  }

  const finish = (uid: string, stem: string) => {
    const stems = unfinished.get(uid)
    if (stems?.delete(stem) === true && stems.size === 0) unfinished.delete(uid)
  }

  const resolve = (cgroup: PodCgroup) =>
    resolver.resolve(cgroup).pipe(
      Effect.timeoutOption(patience),
      Effect.map(Option.getOrElse(() => nothing)),
      Effect.catchCause((cause) =>
        Effect.as(Effect.logWarning("The pod of a core cannot be found out", Cause.pretty(cause)), nothing)
      )
    )

  const answer = Effect.fnUntraced(function*(stem: string) {
    asked.delete(stem)
    const cgroup = cores.entry(stem)?.pod
    if (cgroup === undefined) return
    const answered = yield* resolve(cgroup)
    const known = identityFor(cgroup, cores.pod(stem))
    const identity = addIdentity(known, answered)
    if (identity === undefined) {
      finish(cgroup.podUid, stem)
      return yield* Effect.logWarning("The pod of a core is said to be another now; what was known first stays").pipe(
        Effect.annotateLogs({ core: stem, known: JSON.stringify(known), said: JSON.stringify(answered) })
      )
    }
    if (isComplete(cgroup, identity)) finish(cgroup.podUid, stem)
    if (Object.keys(identity).length === Object.keys(known).length) return
    const pod = { cgroup, identity }
    cores.putPod(stem, pod)
    found(stem, pod)
  })

  const learn = (uid: string) => {
    for (const stem of unfinished.get(uid) ?? []) ask(stem)
  }

  const tracker: PodTracker = {
    met: (entry) => {
      if (entry.pod === undefined) return
      const stem = coreStem(entry.id)
      if (isComplete(entry.pod, identityFor(entry.pod, cores.pod(stem)))) return
      const stems = unfinished.get(entry.pod.podUid) ?? new Set()
      unfinished.set(entry.pod.podUid, stems.add(stem))
      ask(stem)
    },
    tidy: () => {
      for (const [uid, stems] of unfinished) {
        for (const stem of stems) if (cores.entry(stem) === undefined) finish(uid, stem)
      }
    },
    run: Effect.all([
      Stream.fromQueue(questions).pipe(Stream.mapEffect(answer, { concurrency, unordered: true }), Stream.runDrain),
      Stream.runForEach(updates, (uid) => Effect.sync(() => learn(uid)))
    ], { concurrency: "unbounded", discard: true })
  }
  return tracker
})
