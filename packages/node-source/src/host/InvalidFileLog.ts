import type { Effect } from "effect"

/** How an {@link InvalidFileLog} logs. */
interface InvalidFileLogOptions {
  readonly onInvalid: (name: string, reason: string) => Effect.Effect<void>
  /** Logged once if there are more files than the limit. */
  readonly onLimit: Effect.Effect<void>
  /** Runs a log effect without waiting for it. */
  readonly run: (log: Effect.Effect<void>) => void
}

const maxNames = 100

/** Logs each invalid file in a directory once, and at most 100 of them. */
export class InvalidFileLog {
  readonly #options: InvalidFileLogOptions
  readonly #names = new Set<string>()

  constructor(options: InvalidFileLogOptions) {
    this.#options = options
  }

  /** Logs the file, unless it was logged before or the limit is reached. */
  report(name: string, reason: string): void {
    const { onInvalid, onLimit, run } = this.#options
    if (this.#names.has(name) || this.#names.size > maxNames) return
    this.#names.add(name)
    run(this.#names.size > maxNames ? onLimit : onInvalid(name, reason))
  }

  /** The file is gone. A new file with this name is logged again. */
  forget(name: string): void {
    this.#names.delete(name)
  }
}
