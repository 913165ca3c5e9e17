import { type Duration, Effect, Schedule, type Scope } from "effect"
import { makeFailureLog } from "./FailureLog.ts"

/** How a value from files is kept up to date. */
export interface ReloadOptions<A, E, R> {
  /** Reads the value. A failed read keeps the last value and is logged once. */
  readonly read: Effect.Effect<A, E, R>
  readonly every: Duration.Input
  /** The value in use at the start. Default: reads it. */
  readonly initial?: A
  /** Whether a newly read value is the one in use. */
  readonly isSame: (a: A, b: A) => boolean
  /** Log messages: the value has changed, a read has failed, the first read after a failure has succeeded. */
  readonly messages: { readonly reloaded: string; readonly failed: string; readonly recovered: string }
  /** Called after each read, with the reason why it failed. */
  readonly onRead?: (failure: string | undefined) => void
  /** Called after the value has changed. */
  readonly onChange?: (value: A) => void
}

/**
 * Reads a value now and again at intervals for as long as the scope is open. Files are read, not watched: that works
 * equally for a Kubernetes volume (which swaps a symbolic link), an editor's rename and a network file system.
 *
 * Returns a function that returns the value in use. Fails if the first read fails.
 */
export const reload = Effect.fnUntraced(
  function*<A, E extends { readonly message: string }, R>(
    { every, initial, isSame, messages, onChange, onRead, read }: ReloadOptions<A, E, R>
  ): Effect.fn.Return<() => A, E, R | Scope.Scope> {
    let current = initial ?? (yield* read)
    const log = makeFailureLog(messages)
    yield* read.pipe(
      Effect.flatMap((next) =>
        Effect.andThen(
          log.recovered,
          Effect.suspend(() => {
            onRead?.(undefined)
            if (isSame(next, current)) return Effect.void
            current = next
            onChange?.(next)
            return Effect.logInfo(messages.reloaded)
          })
        )
      ),
      Effect.catch(({ message }) => {
        onRead?.(message)
        return log.failed(message)
      }),
      Effect.schedule(Schedule.spaced(every)),
      Effect.forkScoped
    )
    return () => current
  }
)
