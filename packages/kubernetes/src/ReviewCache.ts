/**
 * Remembers for a short time what the API server answered: yes longer than no, a failure never. Requests for the same
 * at the same time ask once. What is asked about (a token) is known by a hash alone once the answer is there.
 */
import { Cache, Duration, Effect, Equal, Exit, Hash } from "effect"
import { createHash } from "node:crypto"

/** How long a yes holds: so long does a right that was taken away, or a token that was revoked, still work. */
export const acceptedFor = Duration.seconds(10)
/** How long a no holds. */
export const refusedFor = Duration.seconds(3)

/** The subject of a review, equal to others by its digest; it can be read once, by the review itself. */
class ReviewKey<Subject> {
  readonly digest: string
  #subject: Subject | undefined
  constructor(digest: string, subject: Subject) {
    this.digest = digest
    this.#subject = subject
  }
  take(): Subject | undefined {
    const subject = this.#subject
    this.#subject = undefined
    return subject
  }
  [Equal.symbol](that: Equal.Equal): boolean {
    return that instanceof ReviewKey && that.digest === this.digest
  }
  [Hash.symbol](): number {
    return Hash.string(this.digest)
  }
}

/** A name for a subject from which it cannot be had back. */
export const digestOf = (subject: string): string => createHash("sha256").update(subject).digest("base64")

/** The answers to at most `capacity` different questions; the ones asked longest ago are forgotten first. */
export const makeReviewCache = Effect.fnUntraced(function*<Subject, Answer, E>(options: {
  readonly capacity: number
  readonly review: (subject: Subject) => Effect.Effect<Answer, E>
  readonly accepts: (answer: Answer) => boolean
}) {
  // A lookup keeps the context of whoever began it. That would be a request with its headers; it is this one instead.
  const context = yield* Effect.context<never>()
  const cache = yield* Cache.makeWith(
    (key: ReviewKey<Subject>) => options.review(key.take()!),
    {
      capacity: options.capacity,
      timeToLive: (exit) => {
        if (Exit.isFailure(exit)) return Duration.zero
        return options.accepts(exit.value) ? acceptedFor : refusedFor
      }
    }
  )
  return (digest: string, subject: Subject): Effect.Effect<Answer, E> =>
    Effect.suspend(() => {
      const key = new ReviewKey(digest, subject)
      return Cache.get(cache, key).pipe(
        Effect.ensuring(Effect.sync(() => key.take())),
        Effect.updateContext(() => context)
      )
    })
})
