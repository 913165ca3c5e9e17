/** Which requests are retried, and when. */
import { exponentialBackoff, type Problem } from "@koredump/core"
import { Duration, Effect, Schedule } from "effect"

/** An attempt that failed. */
export interface FailedAttempt {
  readonly problem: Problem
  /** Whether another attempt may succeed. */
  readonly isTransient: boolean
  /** The delay that the server requested. 0 if it requested none. */
  readonly retryAfterMillis: number
}

/** A failure that another attempt does not change. */
export const permanentFailure = (problem: Problem): FailedAttempt => ({
  problem,
  isTransient: false,
  retryAfterMillis: 0
})

const transientStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504])

/** Whether a request with this response status can succeed a little later. */
export const isTransientStatus = (status: number): boolean => transientStatuses.has(status)

/** Parses a `Retry-After` header (seconds or a date). Returns milliseconds from `now`, 0 if it is missing or invalid. */
export const parseRetryAfter = (value: string | undefined, now: number): number => {
  if (value === undefined) return 0
  const millis = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isNaN(millis) ? 0 : Math.max(0, millis)
}

/** Backoff between attempts, or the delay that the server requested, if it is longer. */
export const retrySchedule = exponentialBackoff("200 millis", "30 seconds").pipe(
  Schedule.setInputType<FailedAttempt>(),
  Schedule.passthrough,
  Schedule.modifyDelay(({ duration, output }) =>
    Effect.succeed(Duration.max(duration, Duration.millis(output.retryAfterMillis)))
  )
)
