import type { CoreEvent } from "../model/CoreEvent.ts"

/** Where a {@link ReplayDiff} starts, and its limits. */
interface ReplayDiffOptions {
  /** Resource version from which the first connection resumes. Default: none, it replays the current cores. */
  readonly since?: string | undefined
  /** A longer resource version is not stored: the next connection replays. Default: no limit. */
  readonly maxVersionLength?: number
}

/**
 * The state of a watch that can reconnect. A connection resumes from a resource version, or replays the current cores:
 * they come as ADDED, up to the first BOOKMARK. If the consumer has a core and the replay does not, the core is gone.
 *
 * `Replayed` collects the cores of the current replay, for example a `Set` of their keys.
 */
export class ReplayDiff<Key, Replayed extends { has(key: Key): boolean }> {
  readonly #makeReplayed: () => Replayed
  readonly #maxVersionLength: number
  #since: string | undefined
  #replayed: Replayed | undefined

  constructor(
    makeReplayed: () => Replayed,
    { maxVersionLength = Number.POSITIVE_INFINITY, since }: ReplayDiffOptions = {}
  ) {
    this.#makeReplayed = makeReplayed
    this.#maxVersionLength = maxVersionLength
    this.#since = since
  }

  /** The resource version from which a connection resumes. Undefined: it replays. */
  get since(): string | undefined {
    return this.#since
  }

  /** The cores of the current replay so far. Undefined outside of a replay. */
  get replayed(): Replayed | undefined {
    return this.#replayed
  }

  /** Makes the next connection replay. */
  expire(): void {
    this.#since = undefined
  }

  /** Starts a connection. */
  connect(): void {
    this.#replayed = this.#since === undefined ? this.#makeReplayed() : undefined
  }

  /** The known keys that the current replay left out: call it for the BOOKMARK, before `advance`. */
  findGone(known: Iterable<Key>): ReadonlyArray<Key> {
    const replayed = this.#replayed
    return replayed === undefined ? [] : [...known].filter((key) => !replayed.has(key))
  }

  /**
   * Records that an event has been handled. A BOOKMARK ends the replay. Within a replay, events have no version to resume
   * from: they come in the order of the crashes, not of the changes.
   */
  advance({ object: { resourceVersion }, type }: CoreEvent): void {
    if (type === "BOOKMARK") this.#replayed = undefined
    if (this.#replayed !== undefined) return
    this.#since = resourceVersion.length <= this.#maxVersionLength ? resourceVersion : undefined
  }
}
