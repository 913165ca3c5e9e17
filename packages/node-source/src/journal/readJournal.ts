/** Reads the journal for as long as its scope is open, whatever becomes of journalctl: supervised, never twice at once. */
import { Clock, Duration, Effect, Metric, Schedule, Stream } from "effect"
import { Journal, JournalFailure } from "./Journal.ts"
import { type HostFacts, isBelieved, type JournalFacts, readEntry, textOf } from "./JournalEntry.ts"
import type { RawEntry } from "./JournalExport.ts"

/** Whoever wants to know what the journal tells. All calls are made on the event loop and must be quick. */
export interface JournalListener {
  /** An entry of systemd-coredump; the same one may be told more than once. */
  readonly entry: (facts: JournalFacts) => void
  /** Ends when (as soon as) there are cores whose entry should come any moment. */
  readonly expecting: Effect.Effect<void>
  readonly isExpecting: () => boolean
  /** The entries that were there at first have been told, or cannot be. */
  readonly read: () => void
  /** Why the journal cannot be read, in words; undefined when it can again. */
  readonly lacking: (why: string | undefined) => void
}

const restarts = Metric.counter("koredump_journal_restarts_total", {
  description: "How often the reading of the journal was begun anew",
  incremental: true
})
const rejected = Metric.counter("koredump_journal_rejected_entries_total", {
  description: "Entries that claim to be systemd-coredump's and are not, or name no core",
  incremental: true
})

const backoff = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("30 seconds")]).pipe(
  Schedule.jittered
)
/** A run that lasted this long was a good one: after it the waiting begins anew, with the shortest. */
const goodRun = Duration.toMillis("3 seconds")
/** The first reading of a very large journal does not hold up the rest for longer. */
const patience = "10 seconds"
const pulseInterval = "15 millis"
/** On a busy journal every pulse has changed: journalctl is asked no more than a sixth of the time. */
const hurryPause = 5
const maxHurryPause = 100
const unaskedLook = 6
const maxLoggedRejections = 20

/** Tells the listener what the journal holds and what comes, for ever. */
export const readJournal = Effect.fnUntraced(function*(host: HostFacts, listener: JournalListener) {
  const journal = yield* Journal
  let cursor: string | undefined
  let rejections = 0

  const take = (raw: RawEntry): Effect.Effect<void> => {
    const facts = isBelieved(raw, host) ? readEntry(raw, host) : undefined
    cursor = textOf(raw, "__CURSOR") ?? cursor
    if (facts !== undefined) {
      listener.entry(facts)
      return Effect.void
    }
    rejections += 1
    return Metric.update(rejected, 1).pipe(
      Effect.andThen(
        rejections > maxLoggedRejections
          ? Effect.void
          : Effect.logWarning("Journal entry not believed: systemd-coredump did not write it, or it names no core")
            .pipe(
              Effect.annotateLogs({ cursor })
            )
      )
    )
  }

  const drain = (entries: Stream.Stream<RawEntry, JournalFailure>) =>
    Stream.runForEachArray(entries, (chunk) => Effect.forEach(chunk, take, { discard: true }))

  const recovered = () => listener.lacking(undefined)
  const report = (failure: JournalFailure) => Effect.sync(() => listener.lacking(failure.message))

  const follow = Effect.gen(function*() {
    const begun = yield* Clock.currentTimeMillis
    const welcome = Effect.sleep(goodRun).pipe(
      Effect.andThen(Effect.sync(recovered)),
      Effect.andThen(Effect.never)
    )
    const failed = yield* Effect.raceFirst(drain(journal.follow(cursor)), welcome).pipe(
      Effect.as(undefined),
      Effect.catch((failure) => Effect.as(report(failure), failure))
    )
    yield* Metric.update(restarts, 1)
    if ((yield* Clock.currentTimeMillis) - begun >= goodRun) return
    return yield* failed ?? new JournalFailure({ message: "journalctl ended at once" })
  })

  const first = drain(journal.query()).pipe(
    Effect.tap(() => Effect.sync(recovered)),
    Effect.catch(report)
  )

  // When an entry is due, journalctl is asked as soon as anything was written: the follower learns of it too late. And
  // once unasked, for what was written before the first look.
  const hurry = Effect.gen(function*() {
    yield* listener.expecting
    let seen = yield* journal.pulse
    for (let looks = 0; listener.isExpecting(); looks++) {
      yield* Effect.sleep(pulseInterval)
      const pulse = yield* journal.pulse
      if (pulse === seen && looks !== unaskedLook) continue
      seen = pulse
      const [took] = yield* Effect.timed(Effect.ignore(drain(journal.query(cursor))))
      yield* Effect.sleep(Math.min(Duration.toMillis(took) * hurryPause, maxHurryPause))
    }
  })

  yield* Effect.timeoutOption(first, patience)
  listener.read()
  return yield* Effect.raceFirst(Effect.forever(Effect.retry(follow, backoff)), Effect.forever(hurry))
})
