/**
 * The one in-memory index: takes changes, numbers them, answers lists, and tells watchers what happened. Sources that
 * know their cores (a host, a cluster, a fake) feed it and answer from it: a list never waits for a disk or a node.
 */
import { Clock, Effect, Equal, Metric, Option, Random, Stream } from "effect"
import type { CoreSummary, UnversionedCore } from "../model/Core.ts"
import type { CoreChange } from "../model/CoreEvent.ts"
import { type CoreRef, refKey } from "../model/CoreId.ts"
import { ResourceVersionExpired } from "../model/Problem.ts"
import { type CoreFilter, matchesFilter } from "./CoreFilter.ts"
import { comparePositions, type CorePosition, decodeContinue, encodeContinue, toPosition } from "./CorePosition.ts"
import type { CoreQuery } from "./CoreQuery.ts"
import type { ChangesOptions, CoreList } from "./CoreSource.ts"
import { formatResourceVersion, parseResourceVersion } from "./ResourceVersion.ts"

interface Entry {
  readonly core: CoreSummary
  readonly position: CorePosition
}

/** One change: what was before and what is after; one of the two may be missing. */
interface Change {
  readonly version: number
  readonly before: CoreSummary | undefined
  readonly after: CoreSummary | undefined
}

/** Bounds of an index. */
export interface CoreIndexOptions {
  /** Most cores held; beyond it the oldest `missing` go first, then the oldest. */
  readonly maxCores?: number
  /** Changes kept for watchers. One that falls further behind has to list again. */
  readonly maxChanges?: number
  /** Told of each core that is dropped for the bound. */
  readonly onEvict?: (core: CoreSummary) => void
}

const chunkSize = 512
/** Often enough for who listens to tell a silent connection from a dead one within seconds. */
const heartbeatMillis = 5000

const overtaken = Metric.counter("koredump_watches_overtaken_total", {
  description: "Watches ended because their clients read too slowly",
  incremental: true
})

/** See the module's text. All methods that change it are synchronous: a change is visible as soon as they return. */
export class CoreIndex {
  /** Tells this index from any other: versions of others are expired here, never misread. */
  readonly #epoch: string
  readonly #maxCores: number
  readonly #maxChanges: number
  readonly #onEvict: CoreIndexOptions["onEvict"]
  readonly #byKey = new Map<string, Entry>()
  /** By position, oldest first. */
  #ordered: Array<Entry> = []
  #missing = 0
  /** The newest changes; the last one has version `#version`. */
  readonly #log: Array<Change> = []
  #version = 0
  readonly #waiting = new Set<() => void>()
  #evicted = 0

  private constructor(epoch: string, options: CoreIndexOptions) {
    this.#epoch = epoch
    this.#maxCores = options.maxCores ?? 100_000
    this.#maxChanges = options.maxChanges ?? 16_384
    this.#onEvict = options.onEvict
  }

  static readonly make = (options: CoreIndexOptions = {}): Effect.Effect<CoreIndex> =>
    Effect.map(Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER), (n) => new CoreIndex(n.toString(36), options))

  /** Cores held. */
  get size(): number {
    return this.#byKey.size
  }

  /** Cores dropped so far because there were more than the bound. */
  get evicted(): number {
    return this.#evicted
  }

  /** The version of the newest change. */
  get resourceVersion(): string {
    return this.#versionText(this.#version)
  }

  /** All cores, oldest first. */
  *[Symbol.iterator](): IterableIterator<CoreSummary> {
    for (const { core } of this.#ordered) yield core
  }

  get(ref: CoreRef): CoreSummary | undefined {
    return this.#byKey.get(refKey(ref))?.core
  }

  /** Adds a core or replaces what was known of it. Nothing happens where nothing changed. */
  put(core: UnversionedCore): void {
    const before = this.#byKey.get(refKey(core))
    if (before !== undefined && Equal.equals({ ...core, resourceVersion: before.core.resourceVersion }, before.core)) {
      return
    }
    const after = { ...core, resourceVersion: this.#versionText(this.#version + 1) } as CoreSummary
    if (before !== undefined) this.#take(before)
    this.#insert({ core: after, position: toPosition(after, "timestamp") })
    this.#append(before?.core, after)
    if (this.#byKey.size > this.#maxCores) this.#evict()
  }

  /** Forgets a core. */
  remove(ref: CoreRef): void {
    const before = this.#byKey.get(refKey(ref))
    if (before === undefined) return
    this.#take(before)
    this.#append(before.core, undefined)
  }

  /** Forgets `missing` cores that crashed before `time` (microseconds since 1970). */
  removeMissingBefore(time: number): void {
    if (this.#missing === 0) return
    const old: Array<CoreSummary> = []
    for (const { core, position } of this.#ordered) {
      if (position.time >= time) break
      if (core.state === "missing") old.push(core)
    }
    for (const core of old) this.remove(core)
  }

  /** A page of the cores that match, in the order asked for. Nothing here is unreachable. */
  list(query: CoreQuery = {}): CoreList {
    const candidates = this.#candidates(query)
    const entries = query.sort === "size"
      ? candidates
        .map(({ core }) => ({ core, position: toPosition(core, "size") }))
        .toSorted((a, b) => comparePositions(a.position, b.position))
      : candidates
    const from = query.continue === undefined ? undefined : Option.getOrUndefined(decodeContinue(query, query.continue))
    const limit = query.limit ?? Number.POSITIVE_INFINITY
    const down = query.order === "desc"
    const cores: Array<CoreSummary> = []
    let last: CorePosition | undefined
    let more = false
    for (let i = 0; i < entries.length; i++) {
      const { core, position } = entries[down ? entries.length - 1 - i : i]!
      if (from !== undefined) {
        const order = comparePositions(position, from)
        if (down ? order >= 0 : order <= 0) continue
      }
      if (!matchesFilter(query, core)) continue
      if (cores.length === limit) {
        more = true
        break
      }
      cores.push(core)
      last = position
    }
    return {
      cores,
      resourceVersion: this.resourceVersion,
      unreachable: [],
      ...(more && last !== undefined ? { continue: encodeContinue(query, last) } : {})
    }
  }

  /**
   * The changes that the filter shows, after a BOOKMARK: what enters its view is ADDED, what leaves it DELETED. A watcher holds no more
   * than its place in the log; one that falls behind the log's bound ends with `ResourceVersionExpired`.
   */
  changes(options: ChangesOptions = {}): Stream.Stream<CoreChange, ResourceVersionExpired> {
    const filter = options.filter ?? {}
    return Stream.suspend(() => {
      if (options.since !== undefined) {
        const since = this.#parseVersion(options.since)
        return since === undefined || since < this.#version - this.#log.length
          ? Stream.fail(expired)
          // Told at once that it may go on, a watcher need not wait for something to happen.
          : Stream.concat(Stream.succeed(this.#bookmark(since)), this.#follow(since, filter))
      }
      const version = this.#version
      const present = this.list(filter).cores.map((object): CoreChange => ({ type: "ADDED", object }))
      return Stream.fromIterable(present, { chunkSize }).pipe(
        Stream.concat(Stream.sync(() => this.#bookmark(version))),
        Stream.concat(this.#follow(version, filter))
      )
    })
  }

  /** The cores that a filter may let through, oldest first: those that it names, else all. */
  #candidates({ id, node }: CoreFilter): ReadonlyArray<Entry> {
    if (id === undefined || node === undefined) return this.#ordered
    const keys = new Set(node.flatMap((node) => id.map((id) => `${node}/${id}`)))
    return [...keys].flatMap((key) => this.#byKey.get(key) ?? [])
      .toSorted((a, b) => comparePositions(a.position, b.position))
  }

  #follow(since: number, filter: CoreFilter): Stream.Stream<CoreChange, ResourceVersionExpired> {
    // `told`: when the watcher last got anything. Changes that its filter hides do not put the heartbeat off.
    return Stream.unwrap(
      Effect.map(
        Clock.currentTimeMillis,
        (started) =>
          Stream.paginate({ seen: since, told: started }, ({ seen, told }) =>
            Effect.gen({ self: this }, function*() {
              const left = told + heartbeatMillis - (yield* Clock.currentTimeMillis)
              const moved = left > 0 && Option.isSome(yield* Effect.timeoutOption(this.#movedPast(seen), left))
              const now = yield* Clock.currentTimeMillis
              if (!moved) {
                return [[this.#bookmark(seen)], Option.some({ seen, told: now })] as const
              }
              const oldest = this.#version - this.#log.length
              if (seen < oldest) {
                yield* Metric.update(overtaken, 1)
                return yield* expired
              }
              const changes = this.#log.slice(seen - oldest, seen - oldest + chunkSize)
              const events = changes.flatMap((change) => this.#eventFor(change, filter))
              return [
                events,
                Option.some({ seen: seen + changes.length, told: events.length > 0 ? now : told })
              ] as const
            }))
      )
    )
  }

  #eventFor({ after, before, version }: Change, filter: CoreFilter): ReadonlyArray<CoreChange> {
    const was = before !== undefined && matchesFilter(filter, before)
    const is = after !== undefined && matchesFilter(filter, after)
    if (is) return [was ? { type: "MODIFIED", object: after, previous: before } : { type: "ADDED", object: after }]
    if (was) return [{ type: "DELETED", object: { ...before, resourceVersion: this.#versionText(version) } }]
    return []
  }

  #bookmark(version: number): CoreChange {
    return { type: "BOOKMARK", object: { resourceVersion: this.#versionText(version) } }
  }

  /** Ends as soon as there is a change newer than `seen`; looks and waits in one step, so none slips between. */
  #movedPast(seen: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      if (this.#version > seen) return wake()
      this.#waiting.add(wake)
      return Effect.sync(() => this.#waiting.delete(wake))
    })
  }

  #append(before: CoreSummary | undefined, after: CoreSummary | undefined): void {
    this.#version += 1
    this.#log.push({ version: this.#version, before, after })
    // Cut rarely and by much, so that the cost of a change stays constant.
    if (this.#log.length > this.#maxChanges * 2) this.#log.splice(0, this.#log.length - this.#maxChanges)
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  #insert(entry: Entry): void {
    this.#byKey.set(refKey(entry.core), entry)
    this.#ordered.splice(this.#placeOf(entry.position), 0, entry)
    if (entry.core.state === "missing") this.#missing += 1
  }

  #take(entry: Entry): void {
    this.#byKey.delete(refKey(entry.core))
    this.#ordered.splice(this.#placeOf(entry.position), 1)
    if (entry.core.state === "missing") this.#missing -= 1
  }

  /** Where the position stands, or would stand, in the order. */
  #placeOf(position: CorePosition): number {
    let low = 0
    let high = this.#ordered.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (comparePositions(this.#ordered[middle]!.position, position) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  #evict(): void {
    const victim = this.#missing > 0
      ? this.#ordered.find(({ core }) => core.state === "missing")
      : this.#ordered[0]
    if (victim === undefined) return
    this.#evicted += 1
    this.remove(victim.core)
    this.#onEvict?.(victim.core)
  }

  #versionText(version: number): string {
    return formatResourceVersion({ epoch: this.#epoch, sequence: version })
  }

  #parseVersion(text: string): number | undefined {
    const version = parseResourceVersion(text)
    return version?.epoch === this.#epoch && version.sequence <= this.#version ? version.sequence : undefined
  }
}

const expired = new ResourceVersionExpired({
  detail: "Changes since this version are no longer known. List again, and watch from the version of that list."
})
