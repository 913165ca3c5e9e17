/**
 * A watch that does not end: over the `changes` of any source, it reconnects, resumes, and after a gap tells exactly what
 * is different from what it had told.
 */
import { Effect, Equal, Schedule, Stream } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { CoreEvent } from "../model/CoreEvent.ts"
import { refKey } from "../model/CoreId.ts"
import { BadRequest, isTransient, NodeFailed, type Problem } from "../model/Problem.ts"
import type { ChangesOptions, CoreSource } from "./CoreSource.ts"

/** Where a watch starts, and what it shows. */
export interface WatchOptions extends ChangesOptions {
  /** What the caller shows already (the cores of the list that gave `since`): after a gap it is compared with. */
  readonly shown?: Iterable<CoreSummary>
}

const maxShown = 1_000_000

// What went wrong once the watch had shown anything is tried again for ever: at first soon, then every 10 seconds.
const backoff = Schedule.min([Schedule.exponential("500 millis"), Schedule.spaced("10 seconds")]).pipe(
  Schedule.jittered,
  Schedule.setInputType<Problem>()
)

const sameCore = (a: CoreSummary, b: CoreSummary): boolean =>
  Equal.equals({ ...a, resourceVersion: "" }, { ...b, resourceVersion: "" })

/** What a watch has shown, and from where it can go on. */
class Shown {
  readonly #cores = new Map<string, CoreSummary>()
  /** The cores of a replay that is not at its end yet; none outside of one. */
  #replayed: Set<string> | undefined
  /** Whether anything has ever come. */
  started = false
  since: string | undefined

  constructor(options: WatchOptions) {
    this.since = options.since
    for (const core of options.shown ?? []) this.#cores.set(refKey(core), core)
  }

  /** Too old a version: all is told again, from the beginning. */
  expire(): void {
    this.since = undefined
  }

  canGoOnAfter(problem: Problem): boolean {
    return problem._tag === "ResourceVersionExpired" || (this.started && isTransient(problem))
  }

  connect(): void {
    this.#replayed = this.since === undefined ? new Set() : undefined
  }

  /** What there is to tell after an event: nothing, it, or at the end of a replay all that has gone meanwhile. */
  take(event: CoreEvent): ReadonlyArray<CoreEvent> {
    this.started = true
    if (event.type === "BOOKMARK") {
      this.since = event.object.resourceVersion
      return [...this.#endReplay(event.object.resourceVersion), event]
    }
    const key = refKey(event.object)
    const before = this.#cores.get(key)
    // Within a replay a core's version says nothing of those that are still to come.
    if (this.#replayed === undefined) this.since = event.object.resourceVersion
    else this.#replayed.add(key)
    if (event.type === "DELETED") {
      this.#cores.delete(key)
      return [event]
    }
    this.#cores.set(key, event.object)
    if (this.#replayed !== undefined && before !== undefined && sameCore(before, event.object)) return []
    return [{ type: before === undefined ? event.type : "MODIFIED", object: event.object }]
  }

  get size(): number {
    return this.#cores.size
  }

  #endReplay(resourceVersion: string): ReadonlyArray<CoreEvent> {
    const replayed = this.#replayed
    this.#replayed = undefined
    if (replayed === undefined) return []
    const gone = [...this.#cores].filter(([key]) => !replayed.has(key))
    return gone.map(([key, core]): CoreEvent => {
      this.#cores.delete(key)
      return { type: "DELETED", object: { ...core, resourceVersion } }
    })
  }
}

/**
 * The changes of a source, without end: where they break off it goes on from the last version seen, sooner or later by
 * a growing and jittered delay. Where that version is too old (`ResourceVersionExpired`: the server was restarted, or
 * too much has happened), the present cores are compared with those shown before, and only the difference is told.
 *
 * **Details**
 *
 * BOOKMARKs are passed on: they say that nothing was missed up to a version, from which another watch can start. The
 * first comes after the cores that were there at the beginning. A failure before the first event is a failure of the
 * watch; so is, at any time, one that will not pass (no permission, a bad filter).
 */
export const watchCores = (
  source: CoreSource["Service"],
  options: WatchOptions = {}
): Stream.Stream<CoreEvent, Problem> =>
  Stream.suspend(() => {
    const { filter } = options
    const shown = new Shown(options)
    const connect = Stream.suspend(() => {
      shown.connect()
      return source.changes({
        ...(filter === undefined ? {} : { filter }),
        ...(shown.since === undefined ? {} : { since: shown.since })
      })
    })
    // The server is there and asks for a fresh start: that is no failure to wait after.
    const connection = Stream.catchTag(connect, "ResourceVersionExpired", (problem) => {
      if (shown.since === undefined) return Stream.fail(problem)
      shown.expire()
      return connect
    })
    return connection.pipe(
      Stream.concat(Stream.fail(new NodeFailed({ detail: "The watch ended." }))),
      Stream.mapAccumArrayEffect(() => shown, (shown, events) => {
        const told = events.flatMap((event) => shown.take(event))
        return shown.size > maxShown ? Effect.fail(tooMany) : Effect.succeed([shown, told])
      }),
      Stream.retry(Schedule.while(backoff, ({ input }) => shown.canGoOnAfter(input)))
    )
  })

const tooMany = new BadRequest({ detail: `A watch cannot show more than ${maxShown} cores; narrow it by a filter.` })
