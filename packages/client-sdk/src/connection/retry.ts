/** Which requests are retried, and when. */
import { exponentialBackoff, type Problem } from "@koredump/core"
import { Duration, Effect, Schedule } from "effect"

/** An attempt that failed. */
export interface FailedAttempt {
  readonly problem: Problem
  /** Whether another attempt may succeed. */
  readonly isTransient: boolean
  /** How long the server asked to wait. */
  readonly retryAfterMillis: number
}

/** A failure that another attempt does not change. */
export const permanentFailure = (problem: Problem): FailedAttempt => ({
  problem,
  isTransient: false,
  retryAfterMillis: 0
})

const transientStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Whether a response with this status may be another one a little later. */
export const isTransientStatus = (status: number): boolean => transientStatuses.has(status)

/** Milliseconds from `now` that a `Retry-After` header (seconds or a date) asks for. 0 if it is missing or invalid. */
export const parseRetryAfter = (value: string | undefined, now: number): number => {
  if (value === undefined) return 0
  const millis = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(millis) ? 0 : Math.max(0, millis)
}

/** Backoff between attempts, or longer if the server asked to wait longer. */
export const retrySchedule = exponentialBackoff("200 millis", "30 seconds").pipe(
  Schedule.setInputType<FailedAttempt>(),
  Schedule.passthrough,
  Schedule.modifyDelay(({ duration, output }) =>
    Effect.succeed(Duration.max(duration, Duration.millis(output.retryAfterMillis)))
  )
)
