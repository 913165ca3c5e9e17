import { Effect, Equal, Schedule, Stream } from "effect"
import { exponentialBackoff } from "../common/exponentialBackoff.ts"
import type { CoreSummary } from "../model/Core.ts"
import type { CoreEvent } from "../model/CoreEvent.ts"
import { refKey } from "../model/CoreId.ts"
import { BadRequest, isTransient, NodeFailed, type Problem } from "../model/Problem.ts"
import type { ChangesOptions, CoreSource } from "./CoreSource.ts"
import { ReplayDiff } from "./ReplayDiff.ts"

/** Where a watch starts, and which cores it shows. */
export interface WatchOptions extends ChangesOptions {
  /** The cores of the list that `since` is from. After a gap, the current cores are compared with them. */
  readonly shown?: Iterable<CoreSummary>
}

const maxShown = 1_000_000

const backoff = exponentialBackoff("500 millis", "10 seconds").pipe(Schedule.setInputType<Problem>())

const isSameCore = (a: CoreSummary, b: CoreSummary): boolean =>
  Equal.equals({ ...a, resourceVersion: "" }, { ...b, resourceVersion: "" })

/** The cores that a watch has shown, over all of its connections. */
class ShownCores {
  readonly diff: ReplayDiff<string, Set<string>>
  readonly #cores = new Map<string, CoreSummary>()
  #hasStarted = false

  constructor({ shown = [], since }: WatchOptions) {
    this.diff = new ReplayDiff(() => new Set(), { since })
    for (const core of shown) this.#cores.set(refKey(core), core)
  }

  get size(): number {
    return this.#cores.size
  }

  /** Whether the watch reconnects after this problem. */
  canContinueAfter(problem: Problem): boolean {
    return problem._tag === "ResourceVersionExpired" || (this.#hasStarted && isTransient(problem))
  }

  /** The events to emit for an event of the source: none for a core that a replay repeats unchanged. */
  applyEvent(event: CoreEvent): ReadonlyArray<CoreEvent> {
    this.#hasStarted = true
    const events = event.type === "BOOKMARK"
      ? [...this.#deleteGone(event.object.resourceVersion), event]
      : this.#applyChange(event.type, event.object)
    this.diff.advance(event)
    return events
  }

  #applyChange(type: "ADDED" | "MODIFIED" | "DELETED", core: CoreSummary): ReadonlyArray<CoreEvent> {
    const key = refKey(core)
    const before = this.#cores.get(key)
    const { replayed } = this.diff
    replayed?.add(key)
    if (type === "DELETED") {
      this.#cores.delete(key)
      return [{ type, object: core }]
    }
    this.#cores.set(key, core)
    if (before === undefined) return [{ type, object: core }]
    return replayed !== undefined && isSameCore(before, core) ? [] : [{ type: "MODIFIED", object: core }]
  }

  #deleteGone(resourceVersion: string): ReadonlyArray<CoreEvent> {
    return this.diff.findGone(this.#cores.keys()).map((key): CoreEvent => {
      const core = this.#cores.get(key)!
      this.#cores.delete(key)
      return { type: "DELETED", object: { ...core, resourceVersion } }
    })
  }
}

/**
 * Watches the cores of a source without end: reconnects with a growing delay of up to 10 seconds, and resumes from the
 * last resource version. If that version has expired (`ResourceVersionExpired`: the server restarted, or too much has
 * changed), the watch compares the current cores with those shown before and emits only the difference.
 *
 * **Details**
 *
 * BOOKMARKs are passed on: another watch can start from their version without missing a change. The first one comes after
 * the cores that exist at the start. The watch fails with a problem before the first event, and with a permanent problem
 * (permission denied, invalid filter) at any time.
 */
export const watchCores = (
  source: CoreSource["Service"],
  options: WatchOptions = {}
): Stream.Stream<CoreEvent, Problem> =>
  Stream.suspend(() => {
    const { filter } = options
    const shown = new ShownCores(options)
    const { diff } = shown
    const connect = Stream.suspend(() => {
      diff.connect()
      return source.changes({
        ...(filter === undefined ? {} : { filter }),
        ...(diff.since === undefined ? {} : { since: diff.since })
      })
    })
    // The server works and requires a replay, so there is no need for a delay.
    const connection = Stream.catchTag(connect, "ResourceVersionExpired", (problem) => {
      if (diff.since === undefined) return Stream.fail(problem)
      diff.expire()
      return connect
    })
    return connection.pipe(
      Stream.concat(Stream.fail(new NodeFailed({ detail: "The watch ended." }))),
      Stream.mapAccumArrayEffect(() => shown, (shown, events) => {
        const emitted = events.flatMap((event) => shown.applyEvent(event))
        return shown.size > maxShown ? Effect.fail(tooManyCores) : Effect.succeed([shown, emitted])
      }),
      Stream.retry(Schedule.while(backoff, ({ input }) => shown.canContinueAfter(input)))
    )
  })

const tooManyCores = new BadRequest({
  detail: `A watch is limited to ${maxShown} cores. Add conditions to the filter.`
})
