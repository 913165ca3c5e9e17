import { exponentialBackoff } from "@koredump/core"
import { Clock, Duration, Effect, Metric, Stream } from "effect"
import type { FailureListener } from "../host/HostWarnings.ts"
import type { AwaitedEntries } from "./AwaitedEntries.ts"
import { decodeEntry, getText, type HostInfo, isTrusted, type JournalEntryInfo } from "./decodeEntry.ts"
import type { RawEntry } from "./decodeJournalExport.ts"
import { Journal, JournalFailure } from "./Journal.ts"

/** Receives the events of the journal. The functions are called on the event loop and must return quickly. */
export interface JournalListener extends FailureListener {
  /** A trusted entry. The same entry may be reported more than once. */
  readonly onEntry: (entry: JournalEntryInfo) => void
  /** All entries that existed at first have been reported, or cannot be read. */
  readonly onInitialRead: () => void
}

/** The inputs and outputs of the journal reader. */
interface JournalReaderOptions {
  readonly host: HostInfo
  /** While this is not empty, the reader polls the journal. It deletes entries that it has reported. */
  readonly awaited: AwaitedEntries
  readonly listener: JournalListener
}

const restarts = Metric.counter("koredump_journal_restarts_total", {
  description: "Restarts of journalctl",
  incremental: true
})
const rejected = Metric.counter("koredump_journal_rejected_entries_total", {
  description: "Journal entries rejected: not written by systemd-coredump, or without a core ID",
  incremental: true
})

const retryDelays = exponentialBackoff("200 millis", "30 seconds")
/** A run of journalctl that lasts this long is successful. After it, the backoff starts again with the shortest delay. */
const stableAfter = Duration.toMillis("3 seconds")
/** A very large journal does not delay the start of the server for longer than this. */
const initialReadTimeout = "10 seconds"
const pollInterval = "15 millis"
/** On a busy journal the tail marker changes at every tick. This limits journalctl to a sixth of the time. */
const queryPauseFactor = 5
const maxQueryPause = 100
/** At this tick journalctl is queried although the marker is unchanged: the entry may be older than the first marker. */
const forcedPollTick = 6
const maxLoggedRejections = 20

/** Reports the entries in the journal, and then new ones. Never ends: restarts journalctl if it fails. */
export const readJournal = Effect.fnUntraced(function*({ awaited, host, listener }: JournalReaderOptions) {
  const journal = yield* Journal
  let cursor: string | undefined
  let rejections = 0

  const reject = (reason: string) =>
    Effect.suspend(() => {
      rejections += 1
      return Effect.andThen(
        Metric.update(rejected, 1),
        rejections > maxLoggedRejections
          ? Effect.void
          : Effect.annotateLogs(Effect.logWarning("Journal entry rejected"), { cursor, reason })
      )
    })

  const handleEntry = (raw: RawEntry): Effect.Effect<void> => {
    cursor = getText(raw, "__CURSOR") ?? cursor
    if (!isTrusted(raw, host)) return reject("not written by systemd-coredump")
    const entry = decodeEntry(raw, host)
    if (entry === undefined) return reject("no core ID in the entry")
    listener.onEntry(entry)
    awaited.delete(entry.id)
    return Effect.void
  }

  const handleEntries = (entries: Stream.Stream<RawEntry, JournalFailure>) =>
    Stream.runForEachArray(entries, (chunk) => Effect.forEach(chunk, handleEntry, { discard: true }))

  const reportFailure = ({ message }: JournalFailure) => Effect.sync(() => listener.onFailed(message))

  const initialRead = handleEntries(journal.query()).pipe(
    Effect.tap(() => Effect.sync(() => listener.onRecovered())),
    Effect.catch(reportFailure)
  )

  /** Runs journalctl once. Succeeds if the run was long enough to start again without a delay. */
  const follow = Effect.gen(function*() {
    const startedAt = yield* Clock.currentTimeMillis
    const markRecovered = Effect.sleep(stableAfter).pipe(
      Effect.andThen(Effect.sync(() => listener.onRecovered())),
      Effect.andThen(Effect.never)
    )
    const failure = yield* Effect.raceFirst(handleEntries(journal.follow(cursor)), markRecovered).pipe(
      Effect.as(undefined),
      Effect.catch((failure) => Effect.as(reportFailure(failure), failure))
    )
    yield* Metric.update(restarts, 1)
    if ((yield* Clock.currentTimeMillis) - startedAt >= stableAfter) return
    return yield* failure ?? new JournalFailure({ message: "journalctl failed: exited immediately" })
  })

  // journald notifies followers too late for a core that has just been stored, so the journal is polled while an entry
  // is awaited.
  const pollForEntry = Effect.gen(function*() {
    yield* awaited.whenAwaited
    let lastMarker = yield* journal.tailMarker
    for (let tick = 0; !awaited.isEmpty; tick++) {
      yield* Effect.sleep(pollInterval)
      const marker = yield* journal.tailMarker
      if (marker === lastMarker && tick !== forcedPollTick) continue
      lastMarker = marker
      const [duration] = yield* Effect.timed(Effect.ignore(handleEntries(journal.query(cursor))))
      yield* Effect.sleep(Math.min(Duration.toMillis(duration) * queryPauseFactor, maxQueryPause))
    }
  })

  yield* Effect.timeoutOption(initialRead, initialReadTimeout)
  listener.onInitialRead()
  return yield* Effect.raceFirst(Effect.forever(Effect.retry(follow, retryDelays)), Effect.forever(pollForEntry))
})
