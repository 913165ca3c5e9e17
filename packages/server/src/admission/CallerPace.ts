/** A caller who has sent a request within this time is active. In milliseconds. */
const activeFor = 1000

/** A caller pauses for this many times the duration of its request, so it uses at most a quarter of the processor. */
const pauseFactor = 3

/** A request that takes longer than this delays others noticeably. In milliseconds. */
const longRequest = 5

/** Callers whose pauses are stored. More than can be active at a time. */
const maxCallers = 10_000

/**
 * Shares the processor between callers. Handlers run on one thread, so a caller who sends one expensive request after the
 * other would slow down all others. While others are active, such a caller pauses after each request.
 *
 * A caller who sends one cheap request at a time never pauses.
 */
export class CallerPace {
  /** When the pause of a caller ends, in milliseconds since 1970. */
  readonly #pausedUntil = new Map<string, number>()
  #latest = { caller: "", at: Number.NEGATIVE_INFINITY }
  /** The latest request of another caller than `#latest`. */
  #other = { caller: "", at: Number.NEGATIVE_INFINITY }

  /** How long a request of this caller waits, in milliseconds. Records that the caller is active. */
  toDelay(caller: string, now: number): number {
    if (this.#latest.caller !== caller) this.#other = this.#latest
    this.#latest = { caller, at: now }
    return Math.max(0, (this.#pausedUntil.get(caller) ?? 0) - now)
  }

  /** Records that a request took `millis`. `isConcurrent`: the caller has further requests. */
  charge(caller: string, millis: number, now: number, isConcurrent: boolean): void {
    const other = this.#latest.caller === caller ? this.#other : this.#latest
    const isAlone = now - other.at > activeFor
    if (isAlone || (!isConcurrent && millis < longRequest)) return
    if (this.#pausedUntil.size >= maxCallers) this.#forgetEnded(now)
    const from = Math.max(now, this.#pausedUntil.get(caller) ?? 0)
    this.#pausedUntil.set(caller, from + millis * pauseFactor)
  }

  #forgetEnded(now: number): void {
    for (const [caller, until] of this.#pausedUntil) if (until <= now) this.#pausedUntil.delete(caller)
  }
}
