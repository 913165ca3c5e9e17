/** Bounds on what runs at once: beyond them a request is refused, not queued. */
import { TooManyDownloads, TooManyWatches } from "@koredump/core"
import { Context, Deferred, Effect, Layer, Metric, type Scope } from "effect"
import type { AppOptions } from "./AppOptions.ts"

const downloads = Metric.gauge("koredump_downloads_running", { description: "Downloads running" })
const watches = Metric.gauge("koredump_watches_running", { description: "Watches running" })

const slots = <E>(max: number, gauge: Metric.Gauge<number>, refusal: () => E) => {
  let running = 0
  const change = (by: number) =>
    Effect.suspend(() => {
      running += by
      return Metric.update(gauge, running)
    })
  return Effect.suspend((): Effect.Effect<void, E, Scope.Scope> =>
    running >= max ? Effect.fail(refusal()) : Effect.acquireRelease(change(1), () => change(-1))
  )
}

/** Lets requests in that run for long, as many as are allowed, each until its scope ends. */
export class Admission extends Context.Service<Admission, {
  readonly download: Effect.Effect<void, TooManyDownloads, Scope.Scope>
  readonly watch: Effect.Effect<void, TooManyWatches, Scope.Scope>
  /** Ends when the server shuts down: watches, which have no end of their own, end with it. */
  readonly closing: Effect.Effect<void>
  readonly close: Effect.Effect<void>
}>()("@koredump/server/Admission") {
  static readonly layer = (options: AppOptions): Layer.Layer<Admission> =>
    Layer.effect(
      Admission,
      Effect.map(Deferred.make<void>(), (closing) =>
        Admission.of({
          download: slots(
            options.maxDownloads ?? 64,
            downloads,
            () => new TooManyDownloads({ detail: "As many downloads run as this server allows. Try again soon." })
          ),
          watch: slots(
            options.maxWatches ?? 1000,
            watches,
            () => new TooManyWatches({ detail: "As many watches run as this server allows. Try again soon." })
          ),
          closing: Deferred.await(closing),
          close: Effect.asVoid(Deferred.succeed(closing, undefined))
        }))
    )
}
