import { assert, it } from "@effect/vitest"
import { Context, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { makeReviewCache, toDigest } from "../../src/reviews/makeReviewCache.ts"

const Request = Context.Reference("test/Request", { defaultValue: () => "none" })

it.effect("a review has no access to the context of its request, which the cache would keep", () =>
  Effect.gen(function*() {
    const cached = yield* makeReviewCache({
      kind: "Test",
      capacity: 10,
      review: (subject: string) => Effect.map(Request, (request) => `${subject} for ${request}`),
      accepts: () => true
    })
    const answer = cached(toDigest("t"), "t").pipe(Effect.provideService(Request, "with a token"))
    assert.strictEqual(yield* answer, "t for none")
  }))

it.effect("removes the least recently used answer first", () =>
  Effect.gen(function*() {
    const reviews: Array<string> = []
    const cached = yield* makeReviewCache({
      kind: "Test",
      capacity: 2,
      review: (subject: string) => Effect.sync(() => reviews.push(subject)),
      accepts: () => true
    })
    for (const subject of ["a", "b", "a", "c", "a", "b"]) yield* cached(toDigest(subject), subject)
    assert.deepStrictEqual(reviews, ["a", "b", "c", "b"])
  }))

it.effect("negative answers displace no positive ones", () =>
  Effect.gen(function*() {
    const reviews: Array<string> = []
    const cached = yield* makeReviewCache({
      kind: "Test",
      capacity: 2,
      review: (subject: string) =>
        Effect.sync(() => {
          reviews.push(subject)
          return subject === "good"
        }),
      accepts: (answer) => answer
    })
    for (const subject of ["good", "a", "b", "c", "good", "b", "c"]) yield* cached(toDigest(subject), subject)
    assert.deepStrictEqual(reviews, ["good", "a", "b", "c"])
  }))

it.effect("a review whose callers are gone continues, and its answer is cached", () =>
  Effect.gen(function*() {
    let reviews = 0
    const cached = yield* makeReviewCache({
      kind: "Test",
      capacity: 2,
      review: () =>
        Effect.suspend(() => {
          reviews += 1
          return Effect.as(Effect.sleep("1 second"), true)
        }),
      accepts: () => true
    })
    const caller = yield* Effect.forkChild(cached("digest", "subject"), { startImmediately: true })
    yield* Fiber.interrupt(caller)
    yield* TestClock.adjust("1 second")
    assert.isTrue(yield* cached("digest", "subject"))
    assert.strictEqual(reviews, 1)
  }))
