/** Watches through the decorator, as tests look at them. */
import type { ChangesOptions, CoreEvent, Problem } from "@koredump/core"
import { FakeCores, type FakeRule, FakeRules } from "@koredump/core/testing"
import { Effect, Result, Stream } from "effect"
import { TestClock } from "effect/testing"
import { authorized, coreOf } from "./authorized.ts"

/** An event in short. */
export const text = (event: CoreEvent) =>
  event.type === "BOOKMARK" ? event.type : `${event.type} ${event.object.COREDUMP_COMM}`

/**
 * Follows a stream of events until the test ends. `told` is what came since the last look, heartbeats left out; `end` how
 * it ended, if it did.
 */
export const observe = Effect.fnUntraced(function*(stream: Stream.Stream<CoreEvent, Problem>) {
  const events: Array<CoreEvent> = []
  let seen = 0
  let end: string | undefined
  yield* stream.pipe(
    Stream.runForEach((event) => Effect.sync(() => events.push(event))),
    Effect.result,
    Effect.tap((result) =>
      Effect.sync(() => {
        end = Result.isFailure(result) ? result.failure._tag : "ended"
      })
    ),
    Effect.forkScoped
  )
  const settle = Effect.andThen(Effect.yieldNow, TestClock.adjust(0))
  const told = Effect.map(settle, () => {
    const news = events.slice(seen).filter(({ type }) => type !== "BOOKMARK").map(text)
    seen = events.length
    return news
  })
  yield* settle
  return { told, events, end: () => end }
})

/** Watches as ann; what is there already comes first. */
export const watch = (options?: ChangesOptions) =>
  Effect.flatMap(authorized(), (source) => observe(source.changes(options)))

/** From now on these rules hold. */
export const set = (...rules: ReadonlyArray<FakeRule>) => FakeRules.use((fake) => fake.set(rules))

/** Whether the authorizer cannot be asked. */
export const away = (down: boolean) => FakeRules.use((fake) => fake.down(down))

/** Puts a core of a place. */
export const put = (...args: Parameters<typeof coreOf>) => FakeCores.use((fake) => fake.put(coreOf(...args)))
