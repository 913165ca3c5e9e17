import { Clock, Duration, Effect, Equal, Metric, Option, Random, Stream } from "effect"
import type { CoreSummary, UnversionedCore } from "../model/Core.ts"
import type { CoreChange } from "../model/CoreEvent.ts"
import { type CoreRef, refKey } from "../model/CoreId.ts"
import { ResourceVersionExpired } from "../model/Problem.ts"
import { ChangeLog, type LoggedChange } from "./ChangeLog.ts"
import { compileFilter, type CoreFilter, matchesFilter } from "./CoreFilter.ts"
import { comparePositions, type CorePosition, toPosition } from "./CorePosition.ts"
import type { CoreQuery } from "./CoreQuery.ts"
import { type ChangesOptions, type CoreList, heartbeatInterval } from "./CoreSource.ts"
import { measureCore } from "./measureCore.ts"
import { OrderedCores } from "./OrderedCores.ts"

/** Limits of an index. */
export interface CoreIndexOptions {
  /** Cores in the index. With more, the oldest cores in state `missing` are dropped first, then the oldest. Default: 100,000 */
  readonly maxCores?: number
  /**
   * Memory of the index in bytes, estimated by `measureCore`: an eighth of it for changes kept for watches.
   * What exceeds it is dropped like with `maxCores`, and the oldest changes. Default: no limit
   */
  readonly maxBytes?: number
  /** Changes kept for watches. A watch that falls further behind ends, and its client lists again. Default: 16,384 */
  readonly maxChanges?: number
  /** Called with each core that is dropped because of `maxCores` or `maxBytes`. */
  readonly onEvict?: (core: CoreSummary) => void
}

const chunkSize = 512
/** Share of the changes kept for watches in the memory of the index. */
const logShare = 1 / 8
const heartbeatMillis = Duration.toMillis(heartbeatInterval)

const overtaken = Metric.counter("koredump_watches_overtaken_total", {
  description: "Watches ended because their clients read too slowly",
  incremental: true
})

/**
 * The index of cores in memory. It versions changes, and answers lists and watches. The source of a host or of a cluster
 * updates it and answers from it, so a list does not wait for a disk or a node. Methods that change the index are synchronous:
 * a change is visible when they return.
 */
export class CoreIndex {
  readonly #maxCores: number
  readonly #maxCoreBytes: number
  readonly #onEvict: CoreIndexOptions["onEvict"]
  readonly #cores = new OrderedCores()
  readonly #log: ChangeLog
  #evicted = 0

  /** Maximum of `bytes`. */
  readonly maxBytes: number

  private constructor(epoch: string, options: CoreIndexOptions) {
    this.#maxCores = options.maxCores ?? 100_000
    this.maxBytes = options.maxBytes ?? Number.POSITIVE_INFINITY
    this.#maxCoreBytes = this.maxBytes * (1 - logShare)
    this.#log = new ChangeLog(epoch, options.maxChanges ?? 16_384, this.maxBytes * logShare)
    this.#onEvict = options.onEvict
  }

  /** Makes an empty index. Its resource versions are expired in every other index. */
  static readonly make = (options: CoreIndexOptions = {}): Effect.Effect<CoreIndex> =>
    Effect.map(Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER), (n) => new CoreIndex(n.toString(36), options))

  /** Number of cores. */
  get size(): number {
    return this.#cores.size
  }

  /** Memory of the index in bytes, estimated by `measureCore`. */
  get bytes(): number {
    return this.#cores.bytes + this.#log.bytes
  }

  /** Number of cores dropped so far because of `maxCores` or `maxBytes`. */
  get evicted(): number {
    return this.#evicted
  }

  /** The version of the newest change. */
  get resourceVersion(): string {
    return this.#log.toVersion(this.#log.sequence)
  }

  /** All cores, oldest first. */
  [Symbol.iterator](): IterableIterator<CoreSummary> {
    return this.#cores[Symbol.iterator]()
  }

  /** The core with this reference. */
  get(ref: CoreRef): CoreSummary | undefined {
    return this.#cores.get(ref)
  }

  /** Adds or replaces a core. Does nothing if the core has not changed. */
  put(core: UnversionedCore): void {
    const before = this.#cores.get(core)
    if (before !== undefined && Equal.equals({ ...core, resourceVersion: before.resourceVersion }, before)) return
    const after = { ...core, resourceVersion: this.#log.toVersion(this.#log.sequence + 1) } as CoreSummary
    this.#log.append(before, after, this.#cores.set(after, measureCore(core)))
    while (this.#cores.size > this.#maxCores || this.#cores.bytes > this.#maxCoreBytes) this.#evict()
  }

  /** Removes a core. */
  remove(ref: CoreRef): void {
    const before = this.#cores.delete(ref)
    if (before !== undefined) this.#log.append(before.core, undefined, before.bytes)
  }

  /** Removes the cores in state `missing` that crashed before `time` (microseconds since 1970). Returns them. */
  removeMissingBefore(time: number): ReadonlyArray<CoreSummary> {
    const cores = this.#cores.findMissingBefore(time)
    for (const core of cores) this.remove(core)
    return cores
  }

  /** The page of matching cores that the query selects. `unreachable` is empty. */
  list(query: CoreQuery = {}): CoreList {
    return { ...this.#cores.list(query), resourceVersion: this.resourceVersion, unreachable: [] }
  }

  /**
   * The changes of the cores that match the filter: a core that starts to match is ADDED, one that no longer matches is
   * DELETED. A watch stores only its position in the log. If it falls behind by more than the log contains, it fails with
   * `ResourceVersionExpired`.
   */
  changes({ filter = {}, since }: ChangesOptions = {}): Stream.Stream<CoreChange, ResourceVersionExpired> {
    return Stream.suspend(() => {
      if (since === undefined) return this.#replay(filter)
      const sequence = this.#log.toSequence(since)
      // This BOOKMARK confirms immediately that the watch can resume.
      return sequence === undefined
        ? Stream.fail(expired)
        : Stream.concat(Stream.succeed(this.#toBookmark(sequence)), this.#follow(sequence, filter))
    })
  }

  /**
   * The cores as they are now, and then changes. Cores are read page by page, so a watch whose client does not read holds no
   * copy of the index.
   */
  #replay(filter: CoreFilter): Stream.Stream<CoreChange, ResourceVersionExpired> {
    const { sequence } = this.#log
    return Stream.suspend(() => this.#readPages(sequence, compileFilter(filter))).pipe(
      Stream.concat(Stream.sync(() => this.#toBookmark(sequence))),
      Stream.concat(this.#follow(sequence, filter))
    )
  }

  /** Reads the cores as they were at a sequence number. Those that change before they are read come last. */
  #readPages(
    sequence: number,
    matches: (core: CoreSummary) => boolean
  ): Stream.Stream<CoreChange, ResourceVersionExpired> {
    const toEvents = (cores: ReadonlyArray<CoreSummary>) =>
      cores.filter(matches).map((object): CoreChange => ({ type: "ADDED", object }))
    const changed = new Set<string>()
    const unread: Array<CoreSummary> = []
    let position: CorePosition | undefined
    let handled = sequence
    const readPage = Effect.gen({ self: this }, function*() {
      const changes = this.#log.readAfter(handled, Number.POSITIVE_INFINITY)
      if (changes === undefined) return yield* this.#overtake
      handled += changes.length
      for (const { after, before } of changes) {
        const key = refKey((before ?? after)!)
        if (changed.has(key)) continue
        changed.add(key)
        const isRead = before !== undefined && position !== undefined &&
          comparePositions(toPosition(before), position) <= 0
        if (before !== undefined && !isRead) unread.push(before)
      }
      const page = this.#cores.readAfter(position, chunkSize)
      const last = page.at(-1)
      if (last === undefined) return [toEvents(unread), Option.none<void>()] as const
      position = toPosition(last)
      return [toEvents(page.filter((core) => !changed.has(refKey(core)))), Option.some<void>(undefined)] as const
    })
    return Stream.paginate(undefined as void, () => readPage)
  }

  /** The changes after a sequence number, and a BOOKMARK at every heartbeat interval, whatever else happens. */
  #follow(start: number, filter: CoreFilter): Stream.Stream<CoreChange, ResourceVersionExpired> {
    return Stream.unwrap(
      Effect.map(
        Clock.currentTimeMillis,
        (now) =>
          Stream.paginate(
            { sequence: start, heartbeatAt: now + heartbeatMillis },
            ({ heartbeatAt, sequence }) =>
              Effect.gen({ self: this }, function*() {
                const left = heartbeatAt - (yield* Clock.currentTimeMillis)
                const isChanged = left > 0 &&
                  Option.isSome(yield* Effect.timeoutOption(this.#log.awaitAfter(sequence), left))
                if (!isChanged) {
                  const now = yield* Clock.currentTimeMillis
                  return [
                    [this.#toBookmark(sequence)],
                    Option.some({ sequence, heartbeatAt: now + heartbeatMillis })
                  ] as const
                }
                const changes = this.#log.readAfter(sequence, chunkSize)
                if (changes === undefined) return yield* this.#overtake
                return [
                  changes.flatMap((change) => this.#toEvents(change, filter)),
                  Option.some({ sequence: sequence + changes.length, heartbeatAt })
                ] as const
              })
          )
      )
    )
  }

  /** Ends a watch that is too slow. */
  get #overtake(): Effect.Effect<never, ResourceVersionExpired> {
    return Effect.andThen(Metric.update(overtaken, 1), Effect.fail(expired))
  }

  #toEvents({ after, before, sequence }: LoggedChange, filter: CoreFilter): ReadonlyArray<CoreChange> {
    const didMatch = before !== undefined && matchesFilter(filter, before)
    if (after !== undefined && matchesFilter(filter, after)) {
      return [didMatch ? { type: "MODIFIED", object: after, previous: before } : { type: "ADDED", object: after }]
    }
    return didMatch
      ? [{ type: "DELETED", object: { ...before, resourceVersion: this.#log.toVersion(sequence) } }]
      : []
  }

  #toBookmark(sequence: number): CoreChange {
    return { type: "BOOKMARK", object: { resourceVersion: this.#log.toVersion(sequence) } }
  }

  #evict(): void {
    const core = this.#cores.findLeastImportant()
    if (core === undefined) return
    this.#evicted += 1
    this.remove(core)
    this.#onEvict?.(core)
  }
}

const expired = new ResourceVersionExpired({
  detail: "The changes since this version are no longer available. List again, and watch from the version of that list."
})
