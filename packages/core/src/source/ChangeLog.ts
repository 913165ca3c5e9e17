import { Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import { formatResourceVersion, parseResourceVersion } from "./ResourceVersion.ts"

/** A change of one core: added without `before`, deleted without `after`. */
export interface LoggedChange {
  /** Sequence number of the change. */
  readonly sequence: number
  readonly before: CoreSummary | undefined
  readonly after: CoreSummary | undefined
  /** Memory of `before`, which only this log still needs. */
  readonly bytes: number
}

/** The newest changes of an index, for watches. */
export class ChangeLog {
  /** Distinguishes this log from all others: a resource version of another log is expired here. */
  readonly #epoch: string
  readonly #maxChanges: number
  readonly #maxBytes: number
  /** The last change has the sequence number `#sequence`. */
  readonly #changes: Array<LoggedChange> = []
  readonly #waiting = new Set<() => void>()
  #sequence = 0
  #bytes = 0

  /** The log keeps at least `maxChanges` changes, and fewer if the previous states in them exceed `maxBytes`. */
  constructor(epoch: string, maxChanges: number, maxBytes: number) {
    this.#epoch = epoch
    this.#maxChanges = maxChanges
    this.#maxBytes = maxBytes
  }

  /** Memory of the previous states. The present ones are in the index. */
  get bytes(): number {
    return this.#bytes
  }

  /** Sequence number of the newest change. */
  get sequence(): number {
    return this.#sequence
  }

  /** The resource version of a sequence number. */
  toVersion(sequence: number): string {
    return formatResourceVersion({ epoch: this.#epoch, sequence })
  }

  /** The sequence number of a resource version. Undefined if the log cannot continue from there without a gap. */
  toSequence(version: string): number | undefined {
    const parsed = parseResourceVersion(version)
    return parsed?.epoch === this.#epoch && parsed.sequence <= this.#sequence && this.#has(parsed.sequence)
      ? parsed.sequence
      : undefined
  }

  /** Appends a change and wakes all watches that wait for one. `bytes` is the memory of `before`. */
  append(before: CoreSummary | undefined, after: CoreSummary | undefined, bytes = 0): void {
    this.#sequence += 1
    this.#changes.push({ sequence: this.#sequence, before, after, bytes })
    this.#bytes += bytes
    // Dropping many at a time keeps the cost per change constant.
    if (this.#changes.length > this.#maxChanges * 2) this.#drop(this.#changes.length - this.#maxChanges)
    if (this.#bytes > this.#maxBytes) this.#drop(this.#countAbove(this.#maxBytes / 2))
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const wake of waiting) wake()
  }

  /** Up to `limit` changes after a sequence number, oldest first. Undefined if the log has dropped some of them. */
  readAfter(sequence: number, limit: number): ReadonlyArray<LoggedChange> | undefined {
    if (!this.#has(sequence)) return undefined
    const start = sequence - (this.#sequence - this.#changes.length)
    return this.#changes.slice(start, start + limit)
  }

  /** Waits for a change after a sequence number. Check and wait are one step, so no change is missed. */
  awaitAfter(sequence: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const wake = () => resume(Effect.void)
      if (this.#sequence > sequence) return wake()
      this.#waiting.add(wake)
      return Effect.sync(() => this.#waiting.delete(wake))
    })
  }

  /** Whether all changes after this sequence number are logged. */
  #has(sequence: number): boolean {
    return sequence >= this.#sequence - this.#changes.length
  }

  /** How many of the oldest changes to drop, so that the previous states in the others are at most `maxBytes`. */
  #countAbove(maxBytes: number): number {
    let bytes = this.#bytes
    let count = 0
    while (bytes > maxBytes) bytes -= this.#changes[count++]!.bytes
    return count
  }

  #drop(count: number): void {
    for (const { bytes } of this.#changes.splice(0, count)) this.#bytes -= bytes
  }
}
