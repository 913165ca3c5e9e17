/** Helpers for tests of watches through `authorizeCoreSource`. */
import type { ChangesOptions, CoreEvent, CoreRef, Problem } from "@koredump/core"
import { FakeCores, type FakeRule, FakeRules } from "@koredump/core/testing"
import { Effect, Fiber, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { authorized, makeCore } from "./fixtures.ts"

/** The type of an event and the program of its core. */
export const formatEvent = (event: CoreEvent) =>
  event.type === "BOOKMARK" ? event.type : `${event.type} ${event.object.COREDUMP_COMM}`

/**
 * Runs an effect, and waits until everything that it triggers has come to rest: `TestClock.adjust` waits for the fibers
 * that a timer wakes, and for the fibers that these wake. Takes a millisecond of test time.
 */
export const act = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function*() {
    const fiber = yield* effect.pipe(Effect.delay("1 millis"), Effect.forkChild({ startImmediately: true }))
    yield* TestClock.adjust("1 millis")
    return yield* Fiber.join(fiber)
  })

/**
 * Runs a watch until the test ends. `takeEvents` returns the events since its last call, without BOOKMARKs. `outcome` is
 * the tag of the failure, "ended", or undefined while the watch runs.
 */
export const observe = Effect.fnUntraced(function*(stream: Stream.Stream<CoreEvent, Problem>) {
  const events: Array<CoreEvent> = []
  let taken = 0
  let outcome: string | undefined
  yield* act(Effect.forkScoped(stream.pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(event))),
    Effect.result,
    Effect.tap((result) =>
      Effect.sync(() => {
        outcome = Result.isFailure(result) ? result.failure._tag : "ended"
      })
    )
  )))
  const takeEvents = () => {
    const taking = events.slice(taken).filter(({ type }) => type !== "BOOKMARK").map(formatEvent)
    taken = events.length
    return taking
  }
  return { events, outcome: () => outcome, takeEvents }
})

/** Watches as the caller `ann`. */
export const watch = (options?: ChangesOptions) =>
  Effect.flatMap(authorized(), (source) => observe(source.changes(options)))

/** Replaces the rules of the authorizer. */
export const setRules = (...rules: ReadonlyArray<FakeRule>) => FakeRules.use((fake) => fake.set(rules))

/** Makes the authorizer unavailable, or available again. */
export const setUnavailable = (isUnavailable: boolean) => FakeRules.use((fake) => fake.down(isUnavailable))

/** Adds or changes a core of a place. */
export const put = (...args: Parameters<typeof makeCore>) => act(FakeCores.use((fake) => fake.put(makeCore(...args))))

/** Removes a core. */
export const removeCore = (ref: CoreRef) => act(FakeCores.use((fake) => fake.remove(ref)))
