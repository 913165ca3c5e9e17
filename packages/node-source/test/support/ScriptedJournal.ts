/** A `Journal` whose entries a test writes. */
import { Context, Effect, Layer, Option, PubSub, Stream } from "effect"
import { Journal, JournalFailure } from "../../src/journal/Journal.ts"
import { textOf } from "../../src/journal/JournalEntry.ts"
import type { RawEntry } from "../../src/journal/JournalExport.ts"
import { rawEntry } from "./fixtures.ts"

export class JournalScript extends Context.Service<JournalScript, {
  /** Writes an entry; gives its cursor. */
  readonly write: (fields: Readonly<Record<string, string>>) => Effect.Effect<string>
  /** The journal's own loss: an entry is rotated away. */
  readonly forget: (cursor: string) => Effect.Effect<void>
  /** What the follower gets from now on, until it is undefined again. */
  readonly breakFollowing: (message: string | undefined) => Effect.Effect<void>
}>()("test/JournalScript") {}

/** Fields that make an entry systemd-coredump's own. */
export const trusted = {
  _UID: "0",
  _EXE: "/usr/lib/systemd/systemd-coredump",
  _SYSTEMD_UNIT: "systemd-coredump@1-2-0.service",
  _SYSTEMD_CGROUP: "/system.slice/systemd-coredump@1-2-0.service"
}

/** `lateFollower`: followers learn of nothing, as journald's do for a quarter of a second. */
export const layerScripted = (
  options: { readonly lateFollower?: boolean; readonly broken?: boolean } = {}
): Layer.Layer<Journal | JournalScript> =>
  Layer.effectContext(Effect.gen(function*() {
    let entries: ReadonlyArray<RawEntry> = []
    let count = 0
    let failure: string | undefined = options.broken === true ? "journalctl is not there" : undefined
    const news = yield* PubSub.unbounded<RawEntry>()
    const after = (cursor: string | undefined) =>
      entries.slice(entries.findIndex((entry) => textOf(entry, "__CURSOR") === cursor) + 1)
    const guarded = <A>(stream: Stream.Stream<A>) =>
      Stream.suspend(() => failure === undefined ? stream : Stream.fail(new JournalFailure({ message: failure })))

    const journal = Journal.of({
      query: (cursor) => guarded(Stream.suspend(() => Stream.fromIterable(after(cursor)))),
      follow: (cursor) =>
        guarded(Stream.unwrap(Effect.map(PubSub.subscribe(news), (subscription) =>
          options.lateFollower === true
            ? Stream.never
            : Stream.concat(Stream.fromIterable(after(cursor)), Stream.fromSubscription(subscription))))),
      read: (cursor) =>
        Effect.sync(() => Option.fromUndefinedOr(entries.find((entry) => textOf(entry, "__CURSOR") === cursor))),
      pulse: Effect.sync(() => String(count)),
      lacking: Effect.succeed([])
    })

    const script = JournalScript.of({
      write: (fields) =>
        Effect.gen(function*() {
          count += 1
          const cursor = `c${count}`
          const entry = rawEntry({ __CURSOR: cursor, ...fields })
          entries = [...entries, entry]
          yield* PubSub.publish(news, entry)
          return cursor
        }),
      forget: (cursor) =>
        Effect.sync(() => {
          entries = entries.filter((entry) => textOf(entry, "__CURSOR") !== cursor)
        }),
      breakFollowing: (message) =>
        Effect.sync(() => {
          failure = message
        })
    })
    return Context.make(Journal, journal).pipe(Context.add(JournalScript, script))
  }))
