import { TooManyDownloads, TooManyWatches } from "@koredump/core"
import { Context, Deferred, Effect, Layer, Metric, type Scope, Semaphore } from "effect"
import type { AppOptions } from "./AppOptions.ts"

const runningDownloads = Metric.gauge("koredump_downloads_running", { description: "Running downloads" })
const runningWatches = Metric.gauge("koredump_watches_running", { description: "Running watches" })

/** Takes a permit until the scope ends. Fails at once if there is none, and counts the permits in use. */
const makeLimit = <E>(max: number, gauge: Metric.Gauge<number>, onExceeded: () => E) => {
  const permits = Semaphore.makeUnsafe(max)
  const acquire = Effect.flatMap(
    permits.takeIfAvailable(1),
    (isTaken): Effect.Effect<void, E> => isTaken ? Metric.modify(gauge, 1) : Effect.fail(onExceeded())
  )
  const release = Effect.andThen(permits.release(1), Metric.modify(gauge, -1))
  return Effect.acquireRelease(acquire, () => release)
}

/** Limits requests that run for a long time. Requests above a limit are rejected, not queued. */
export class ConcurrencyLimits extends Context.Service<ConcurrencyLimits, {
  readonly download: Effect.Effect<void, TooManyDownloads, Scope.Scope>
  readonly watch: Effect.Effect<void, TooManyWatches, Scope.Scope>
  /** Ends when the server shuts down. Watches, which otherwise never end, end with it. */
  readonly closing: Effect.Effect<void>
  /** Ends `closing`. */
  readonly close: Effect.Effect<void>
}>()("@koredump/server/ConcurrencyLimits") {
  static readonly layer = ({ maxDownloads = 64, maxWatches = 1000 }: AppOptions): Layer.Layer<ConcurrencyLimits> =>
    Layer.effect(
      ConcurrencyLimits,
      Effect.map(Deferred.make<void>(), (closing) =>
        ConcurrencyLimits.of({
          download: makeLimit(maxDownloads, runningDownloads, () =>
            new TooManyDownloads({
              detail: `The limit of ${maxDownloads} concurrent downloads is reached. Retry later.`
            })),
          watch: makeLimit(maxWatches, runningWatches, () =>
            new TooManyWatches({ detail: `The limit of ${maxWatches} concurrent watches is reached. Retry later.` })),
          closing: Deferred.await(closing),
          close: Effect.asVoid(Deferred.succeed(closing, undefined))
        }))
    )
}
