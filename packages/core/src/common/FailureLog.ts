import { type Cause, Effect } from "effect"

/** Logs a failure once while it lasts, not at every attempt. */
export interface FailureLog {
  /** Logs the failure, unless the last report had the same reason. Pass a cause for unexpected failures. */
  readonly failed: (reason: string, cause?: Cause.Cause<unknown>) => Effect.Effect<void>
  /** Ends the failure. Logs the recovery if there was a failure and a message for it. */
  readonly recovered: Effect.Effect<void>
  /** The reason of the current failure. Undefined if there is none. */
  readonly reason: () => string | undefined
}

/** Messages of a {@link FailureLog}. The reason is an annotation, so that the message stays the same. */
export interface FailureLogOptions {
  readonly failed: string
  readonly recovered?: string
  /** Default: `Warn` */
  readonly level?: "Warn" | "Error"
}

/** A log for one thing that can fail for a while: a file, a connection, a watch. */
export const makeFailureLog = ({ failed, level = "Warn", recovered }: FailureLogOptions): FailureLog => {
  let current: string | undefined
  return {
    failed: (reason, cause) =>
      Effect.suspend(() => {
        if (reason === current) return Effect.void
        current = reason
        const details = cause === undefined ? [] : [cause]
        return Effect.annotateLogs(
          level === "Warn" ? Effect.logWarning(failed, ...details) : Effect.logError(failed, ...details),
          { reason }
        )
      }),
    recovered: Effect.suspend(() => {
      if (current === undefined) return Effect.void
      current = undefined
      return recovered === undefined ? Effect.void : Effect.logInfo(recovered)
    }),
    reason: () => current
  }
}
