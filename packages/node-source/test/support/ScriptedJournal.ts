/** A `Journal` that a test controls. */
import { Context, Effect, Layer, Option, PubSub, Stream } from "effect"
import { getText } from "../../src/journal/decodeEntry.ts"
import type { RawEntry } from "../../src/journal/decodeJournalExport.ts"
import { Journal, JournalFailure } from "../../src/journal/Journal.ts"
import { rawEntry } from "./fixtures.ts"

export class JournalScript extends Context.Service<JournalScript, {
  /** Writes an entry. Returns its cursor. */
  readonly write: (fields: Readonly<Record<string, string>>) => Effect.Effect<string>
  /** Removes an entry, like journald does when it rotates its files. */
  readonly removeEntry: (cursor: string) => Effect.Effect<void>
}>()("test/JournalScript") {}

/** The fields of a trusted entry that journald sets. */
export const trustedFields = {
  _UID: "0",
  _EXE: "/usr/lib/systemd/systemd-coredump",
  _SYSTEMD_UNIT: "systemd-coredump@1-2-0.service",
  _SYSTEMD_CGROUP: "/system.slice/systemd-coredump@1-2-0.service"
}

/** With `lateFollower`, followers receive no new entries. journald notifies followers only after 250 ms. */
export const layerScripted = (
  options: { readonly lateFollower?: boolean; readonly broken?: boolean } = {}
): Layer.Layer<Journal | JournalScript> =>
  Layer.effectContext(Effect.gen(function*() {
    let entries: ReadonlyArray<RawEntry> = []
    let count = 0
    const failure = options.broken === true ? "journalctl not found" : undefined
    const newEntries = yield* PubSub.unbounded<RawEntry>()
    const after = (cursor: string | undefined) =>
      entries.slice(entries.findIndex((entry) => getText(entry, "__CURSOR") === cursor) + 1)
    const orFailure = <A>(stream: Stream.Stream<A>) =>
      Stream.suspend(() => failure === undefined ? stream : Stream.fail(new JournalFailure({ message: failure })))

    const journal = Journal.of({
      query: (cursor) => orFailure(Stream.suspend(() => Stream.fromIterable(after(cursor)))),
      follow: (cursor) =>
        orFailure(Stream.unwrap(Effect.map(PubSub.subscribe(newEntries), (subscription) =>
          options.lateFollower === true
            ? Stream.never
            : Stream.concat(Stream.fromIterable(after(cursor)), Stream.fromSubscription(subscription))))),
      read: (cursor) =>
        Effect.sync(() => Option.fromUndefinedOr(entries.find((entry) => getText(entry, "__CURSOR") === cursor))),
      tailMarker: Effect.sync(() => String(count)),
      warnings: Effect.succeed([])
    })

    const script = JournalScript.of({
      write: (fields) =>
        Effect.gen(function*() {
          count += 1
          const cursor = `c${count}`
          const entry = rawEntry({ __CURSOR: cursor, ...fields })
          entries = [...entries, entry]
          yield* PubSub.publish(newEntries, entry)
          return cursor
        }),
      removeEntry: (cursor) =>
        Effect.sync(() => {
          entries = entries.filter((entry) => getText(entry, "__CURSOR") !== cursor)
        })
    })
    return Context.make(Journal, journal).pipe(Context.add(JournalScript, script))
  }))
