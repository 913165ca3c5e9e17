import { assert, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { makeReviewCache, toDigest } from "../../src/reviews/makeReviewCache.ts"

const Request = Context.Reference("test/Request", { defaultValue: () => "none" })

it.effect("a review has no access to the context of its request, which the cache would keep", () =>
  Effect.gen(function*() {
    const cached = yield* makeReviewCache({
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
      capacity: 2,
      review: (subject: string) => Effect.sync(() => reviews.push(subject)),
      accepts: () => true
    })
    for (const subject of ["a", "b", "a", "c", "a", "b"]) yield* cached(toDigest(subject), subject)
    assert.deepStrictEqual(reviews, ["a", "b", "c", "b"])
  }))
