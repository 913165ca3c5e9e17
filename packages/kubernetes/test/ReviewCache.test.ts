import { assert, it } from "@effect/vitest"
import { Context, Effect } from "effect"
import { digestOf, makeReviewCache } from "../src/ReviewCache.ts"

const Request = Context.Reference("test/Request", { defaultValue: () => "none" })

it.effect("a review knows nothing of the request that it was made for: it would be kept with the answer", () =>
  Effect.gen(function*() {
    const cached = yield* makeReviewCache({
      capacity: 10,
      review: (subject: string) => Effect.map(Request, (request) => `${subject} for ${request}`),
      accepts: () => true
    })
    const answer = cached(digestOf("t"), "t").pipe(Effect.provideService(Request, "with a token"))
    assert.strictEqual(yield* answer, "t for none")
  }))

it.effect("forgets what was asked longest ago", () =>
  Effect.gen(function*() {
    const reviews: Array<string> = []
    const cached = yield* makeReviewCache({
      capacity: 2,
      review: (subject: string) => Effect.sync(() => reviews.push(subject)),
      accepts: () => true
    })
    for (const subject of ["a", "b", "a", "c", "a", "b"]) yield* cached(digestOf(subject), subject)
    assert.deepStrictEqual(reviews, ["a", "b", "c", "b"])
  }))
