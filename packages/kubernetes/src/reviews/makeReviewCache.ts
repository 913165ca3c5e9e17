import { Cache, Duration, Effect, Equal, Exit, Hash } from "effect"
import { createHash } from "node:crypto"

/** How long a positive answer is cached: revoked permissions and tokens keep working for this long. */
const acceptedTtl = Duration.seconds(10)
/** How long a negative answer is cached. */
const rejectedTtl = Duration.seconds(3)

/** A cache key: the digest of the subject. The cache never keeps the subject itself, which may be a token. */
class ReviewKey<Subject> {
  readonly digest: string
  #subject: Subject | undefined
  constructor(digest: string, subject: Subject) {
    this.digest = digest
    this.#subject = subject
  }
  /** Returns the subject and removes it from the key. */
  removeSubject(): Subject | undefined {
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

/** An irreversible digest of a subject. */
export const toDigest = (subject: string): string => createHash("sha256").update(subject).digest("base64")

/**
 * Caches the answers to at most `capacity` reviews, for seconds, and never failures. Equal requests at the same time
 * share one review. Above the capacity, the least recently used answer is removed first.
 */
export const makeReviewCache = Effect.fnUntraced(function*<Subject, Answer, E>(options: {
  readonly capacity: number
  readonly review: (subject: Subject) => Effect.Effect<Answer, E>
  readonly accepts: (answer: Answer) => boolean
}) {
  // The cache keeps the context of each lookup. This context has no request and no headers.
  const context = yield* Effect.context<never>()
  const cache = yield* Cache.makeWith(
    (key: ReviewKey<Subject>) => options.review(key.removeSubject()!),
    {
      capacity: options.capacity,
      timeToLive: (exit) => {
        if (Exit.isFailure(exit)) return Duration.zero
        return options.accepts(exit.value) ? acceptedTtl : rejectedTtl
      }
    }
  )
  return (digest: string, subject: Subject): Effect.Effect<Answer, E> =>
    Effect.suspend(() => {
      const key = new ReviewKey(digest, subject)
      return Cache.get(cache, key).pipe(
        Effect.ensuring(Effect.sync(() => key.removeSubject())),
        Effect.updateContext(() => context)
      )
    })
})
