import { Duration, Effect, Latch } from "effect"

/** systemd-coredump can work on the stack trace for five minutes before it writes the journal entry. */
const maxWaitMillis = Duration.toMillis("6 minutes")

/** Cores whose file is stored and whose journal entry should appear soon. Times are milliseconds of one clock. */
export class AwaitedEntries {
  /** Core IDs, and until when to wait for the entry. */
  readonly #deadlines = new Map<string, number>()
  readonly #latch = Latch.makeUnsafe()

  /** Completes when at least one entry is awaited. */
  readonly whenAwaited: Effect.Effect<void> = Effect.asVoid(this.#latch.await)

  /** Whether no entry is awaited. */
  get isEmpty(): boolean {
    return this.#deadlines.size === 0
  }

  /** Awaits the entry of a core. */
  add(id: string, now: number): void {
    this.#deadlines.set(id, now + maxWaitMillis)
    this.#latch.openUnsafe()
  }

  /** The entry was read, or is not awaited any longer. */
  delete(id: string): void {
    if (this.#deadlines.delete(id) && this.isEmpty) this.#latch.closeUnsafe()
  }

  /** Gives up on entries that did not appear within six minutes. */
  prune(now: number): void {
    for (const [id, deadline] of this.#deadlines) if (deadline < now) this.delete(id)
  }
}
