import { Duration, Effect } from "effect"
import { RateLimiter } from "effect/persistence"

/** Changes that one node can send. */
export interface ChangeRate {
  /** The sustained rate. */
  readonly perSecond: number
  /** The size of a burst. */
  readonly burst: number
}

/** Events without effect that a node can send for each change: a node that restarts sends all of its cores again. */
const idleEventsPerChange = 16
/** Idle events are counted in batches: most arrays have one event, and checking the limit each time is expensive. */
const idleBatch = 256

/**
 * Limits how fast the events of one node are read. Call the result after each batch: it waits if the node sent too many
 * changes, or too many events without effect.
 */
export const makeLimitRate = (node: string, limiter: RateLimiter.RateLimiter, { burst, perSecond }: ChangeRate) => {
  const consume = (kind: "changes" | "idle", count: number, factor: number) =>
    count === 0
      ? Effect.void
      : Effect.orDie(
        RateLimiter.sleep(limiter)({
          algorithm: "token-bucket",
          key: `${node} ${kind}`,
          limit: burst * factor,
          window: Duration.seconds(burst / perSecond),
          tokens: count
        })
      )

  let idle = 0
  return (events: number, changes: number): Effect.Effect<void> => {
    idle += Math.max(0, events - changes)
    const due = idle >= idleBatch ? idle : 0
    idle -= due
    return Effect.asVoid(Effect.andThen(consume("changes", changes, 1), consume("idle", due, idleEventsPerChange)))
  }
}
