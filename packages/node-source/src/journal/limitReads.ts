import { ServerBusy } from "@koredump/core"
import { Deferred, Effect, Metric, RcMap, type Scope, Semaphore } from "effect"

/** Processes of journalctl at the same time. */
const maxRunning = 2
const maxWaiting = 32
const maxWait = "5 seconds"

const rejected = Metric.counter("koredump_journal_reads_rejected_total", {
  description: "Metadata requests rejected because too many journal entries were being read",
  incremental: true
})

const busy = Metric.update(rejected, 1).pipe(
  Effect.andThen(Effect.fail(new ServerBusy({ detail: "Too many journal entries are being read." })))
)

/** Runs at most two effects at a time. At most 32 others wait, for at most five seconds. */
const makeLimit = Effect.gen(function*() {
  const slots = yield* Semaphore.make(maxRunning)
  let waiting = 0
  return <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | ServerBusy, R> =>
    Effect.suspend(() => {
      if (waiting === maxWaiting) return busy
      waiting += 1
      const started = Deferred.makeUnsafe<void>()
      const stopWaiting = Effect.sync(() => {
        if (Deferred.doneUnsafe(started, Effect.void)) waiting -= 1
      })
      const failIfLate = Deferred.await(started).pipe(
        Effect.timeoutOrElse({ duration: maxWait, orElse: () => busy }),
        Effect.andThen(Effect.never)
      )
      return slots.withPermit(Effect.andThen(stopWaiting, effect)).pipe(
        Effect.raceFirst(failIfLate),
        Effect.ensuring(stopWaiting)
      )
    })
})

/**
 * Limits how many entries are read at the same time, because each read is a process. Concurrent reads with the same key are
 * one read. It is interrupted when nobody waits for it any longer.
 */
export const limitReads = <A, E>(
  read: (key: string) => Effect.Effect<A, E>
): Effect.Effect<(key: string) => Effect.Effect<A, E | ServerBusy>, never, Scope.Scope> =>
  Effect.gen(function*() {
    const limit = yield* makeLimit
    const reads = yield* RcMap.make({ lookup: (key: string) => limit(read(key)) })
    return (key) => Effect.scoped(RcMap.get(reads, key))
  })
