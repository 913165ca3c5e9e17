import { Context, Effect, Layer, Scheduler } from "effect"
import { TestClock } from "effect/testing"

/** Counts the tasks that fibers have scheduled and that have not run yet. */
class Idle extends Context.Service<Idle, { readonly whenIdle: Effect.Effect<void> }>()("test/Idle") {}

/** Sets the test clock to a time after the crashes of the tests: a cluster server accepts no cores from the future. */
export const layerAfterCrashes = Layer.effectDiscard(TestClock.setTime(Date.UTC(2026, 0)))

/** Lets a test wait with {@link whenIdle} for the fibers of the layers that are built on this one. */
export const layerIdle = Layer.effectContext(Effect.gen(function*() {
  const parent = yield* Scheduler.Scheduler
  const waiting = new Set<() => void>()
  let scheduled = 0

  const scheduler: Scheduler.Scheduler = {
    executionMode: parent.executionMode,
    shouldYield: (fiber) => parent.shouldYield(fiber),
    makeDispatcher: () => {
      const dispatcher = parent.makeDispatcher()
      return {
        scheduleTask: (task, priority) => {
          scheduled += 1
          dispatcher.scheduleTask(() => {
            try {
              task()
            } finally {
              scheduled -= 1
              if (scheduled === 0) {
                for (const resume of waiting) resume()
                waiting.clear()
              }
            }
          }, priority)
        },
        flush: () => dispatcher.flush()
      }
    }
  }

  const whenIdle = Effect.callback<void>((resume) => {
    const done = () => resume(Effect.void)
    if (scheduled === 0) return done()
    waiting.add(done)
    return Effect.sync(() => waiting.delete(done))
  })

  return Context.make(Scheduler.Scheduler, scheduler).pipe(Context.add(Idle, { whenIdle }))
})).pipe(Layer.merge(layerAfterCrashes))

/** Waits until no fiber has anything left to do but wait: for a test clock, or for an event that a test sends. */
export const whenIdle = Idle.use(({ whenIdle }) => whenIdle)
