import { Effect, Schema } from "effect"

/** The queue is full. `key`: with effects of the same key. `all`: with effects of other keys. */
export class QueueFull extends Schema.TaggedError<QueueFull>()("QueueFull", {
  reason: Schema.Literals(["key", "all"])
}) {}

/** Limits of a {@link FairQueue}. */
export interface FairQueueOptions {
  /** What can run at the same time, in any unit of cost. */
  readonly capacity: number
  /** What can run at the same time with one key. Default: no other limit than `capacity` */
  readonly capacityPerKey?: number
  /** How many effects with one key can run at the same time. Default: no limit */
  readonly maxRunningPerKey?: number
  /** How many effects with one key can wait. More fail immediately. Default: 64 */
  readonly maxWaitingPerKey?: number
  /** How many effects can wait in all. Default: 1,024 */
  readonly maxWaiting?: number
}

interface Waiter {
  readonly cost: number
  readonly grant: () => void
}

interface KeyState {
  /** Number of the key's last turn. A key without a turn is first. */
  turn: number
  cost: number
  running: number
  readonly waiting: Set<Waiter>
}

/**
 * Shares a capacity fairly between keys, for example callers: waiting effects get their turn key by key, so a key
 * with many effects delays only itself. An effect that costs more than a limit runs alone. With a capacity of 0, nothing
 * runs.
 *
 * Unlike a semaphore, it bounds how many wait and how much one key can use.
 */
export class FairQueue {
  readonly #options: Required<FairQueueOptions>
  /** Keys with effects that run or wait. */
  readonly #keys = new Map<string, KeyState>()
  #cost = 0
  #running = 0
  #waiting = 0
  #turns = 0
  /** Whether an effect whose turn it is waits for capacity. */
  #isFull = false

  constructor(options: FairQueueOptions) {
    this.#options = {
      capacityPerKey: options.capacity,
      maxRunningPerKey: Number.POSITIVE_INFINITY,
      maxWaitingPerKey: 64,
      maxWaiting: 1024,
      ...options
    }
  }

  /** The cost of what runs. */
  get cost(): number {
    return this.#cost
  }

  /** How many effects run. */
  get running(): number {
    return this.#running
  }

  /** How many effects wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** How many effects with this key run or wait. */
  count(key: string): number {
    const state = this.#keys.get(key)
    return state === undefined ? 0 : state.running + state.waiting.size
  }

  /** Whether an effect with this key and cost has to wait for others with the same key. */
  isKeyFull(key: string, cost = 1): boolean {
    const state = this.#keys.get(key)
    return state !== undefined && !this.#fitsKey(state, cost)
  }

  /** Runs the effect when it is the key's turn. Fails with `QueueFull` if too many wait. */
  run<A, E, R>(key: string, effect: Effect.Effect<A, E, R>, cost = 1): Effect.Effect<A, E | QueueFull, R> {
    return Effect.acquireUseRelease(
      Effect.interruptible(this.acquire(key, cost)),
      () => effect,
      (release) => Effect.sync(release)
    )
  }

  /**
   * Waits until it is the key's turn. Returns the function that ends the turn, which can be called more than once. An
   * interrupted wait needs no call.
   */
  acquire(key: string, cost = 1): Effect.Effect<() => void, QueueFull> {
    return Effect.callback<() => void, QueueFull>((resume) => {
      const state = this.#keys.get(key) ?? { turn: 0, cost: 0, running: 0, waiting: new Set<Waiter>() }
      const isTurn = state.waiting.size === 0 && this.#fitsKey(state, cost)
      const isFree = isTurn && !this.#isFull && this.#fits(cost)
      if (isFree) return resume(Effect.succeed(this.#start(key, state, cost)))
      const { maxWaiting, maxWaitingPerKey } = this.#options
      if (state.waiting.size >= maxWaitingPerKey || this.#waiting >= maxWaiting) {
        const isOwnFault = state.waiting.size >= maxWaitingPerKey && !isTurn
        return resume(Effect.fail(new QueueFull({ reason: isOwnFault ? "key" : "all" })))
      }
      this.#keys.set(key, state)
      const waiter: Waiter = {
        cost,
        grant: () => resume(Effect.succeed(this.#start(key, state, cost)))
      }
      state.waiting.add(waiter)
      this.#waiting += 1
      this.#isFull ||= isTurn
      return Effect.sync(() => {
        if (!state.waiting.delete(waiter)) return
        this.#waiting -= 1
        this.#forgetIdle(key, state)
        this.#grantNext()
      })
    })
  }

  #fits(cost: number): boolean {
    const { capacity } = this.#options
    return capacity > 0 && (this.#running === 0 || this.#cost + cost <= capacity)
  }

  #fitsKey(state: KeyState, cost: number): boolean {
    const { capacityPerKey, maxRunningPerKey } = this.#options
    return state.running === 0 || (state.running < maxRunningPerKey && state.cost + cost <= capacityPerKey)
  }

  #start(key: string, state: KeyState, cost: number): () => void {
    this.#keys.set(key, state)
    state.turn = ++this.#turns
    this.#add(state, cost, 1)
    let isRunning = true
    return () => {
      if (!isRunning) return
      isRunning = false
      this.#add(state, -cost, -1)
      this.#forgetIdle(key, state)
      this.#grantNext()
    }
  }

  #add(state: KeyState, cost: number, running: number): void {
    state.cost += cost
    state.running += running
    this.#cost += cost
    this.#running += running
  }

  #forgetIdle(key: string, state: KeyState): void {
    if (state.running === 0 && state.waiting.size === 0) this.#keys.delete(key)
  }

  /** The key whose last turn is longest ago, of those that can start something. */
  #findNext(): { readonly state: KeyState; readonly waiter: Waiter } | undefined {
    let next: { readonly state: KeyState; readonly waiter: Waiter } | undefined
    for (const state of this.#keys.values()) {
      const [waiter] = state.waiting
      if (waiter === undefined || !this.#fitsKey(state, waiter.cost)) continue
      if (next === undefined || state.turn < next.state.turn) next = { state, waiter }
    }
    return next
  }

  /** Starts what fits. If the next effect costs more than what is left, cheaper ones do not overtake it. */
  #grantNext(): void {
    this.#isFull = false
    while (this.#waiting > 0) {
      const next = this.#findNext()
      if (next === undefined) return
      if (!this.#fits(next.waiter.cost)) {
        this.#isFull = true
        return
      }
      next.state.waiting.delete(next.waiter)
      this.#waiting -= 1
      next.waiter.grant()
    }
  }
}
