import { Cache, Duration, Effect, Equal, Exit, Fiber, Hash, Metric, Option } from "effect"
import { createHash } from "node:crypto"

const cacheHits = Metric.counter("koredump_kubernetes_review_cache_hits_total", {
  description: "Access decisions that needed no review of their own, by kind",
  incremental: true
})

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
 * Caches the answers to reviews for seconds: at most `capacity` positive and as many negative ones, so that made-up
 * subjects displace only each other. Never caches failures. Equal requests at the same time share one review. Above the
 * capacity, the least recently used answer is removed first.
 */
export const makeReviewCache = Effect.fnUntraced(function*<Subject, Answer, E>(options: {
  /** The kind of the reviews, for the metric. */
  readonly kind: string
  readonly capacity: number
  readonly review: (subject: Subject) => Effect.Effect<Answer, E>
  readonly accepts: (answer: Answer) => boolean
}) {
  const { accepts, capacity, kind } = options
  const hits = Metric.withAttributes(cacheHits, { kind })
  // The cache keeps the context of each lookup. This context has no request and no headers.
  const context = yield* Effect.context<never>()
  const rejected = yield* Cache.make<string, Answer>({
    capacity,
    timeToLive: rejectedTtl,
    lookup: () => Effect.die("only set")
  })
  const accepted = yield* Cache.makeWith(
    (key: ReviewKey<Subject>) =>
      Effect.tap(
        options.review(key.removeSubject()!),
        (answer) => accepts(answer) ? Effect.void : Cache.set(rejected, key.digest, answer)
      ),
    {
      capacity,
      timeToLive: (exit) => Exit.isSuccess(exit) && accepts(exit.value) ? acceptedTtl : Duration.zero
    }
  )
  const get = (key: ReviewKey<Subject>): Effect.Effect<Answer, E> =>
    Effect.flatMap(
      Cache.getOption(rejected, key.digest),
      (answer) => Option.isSome(answer) ? Effect.succeed(answer.value) : Cache.get(accepted, key)
    ).pipe(
      // A lookup takes the subject.
      Effect.ensuring(Effect.suspend(() => key.removeSubject() === undefined ? Effect.void : Metric.update(hits, 1))),
      Effect.updateContext(() => context)
    )
  return (digest: string, subject: Subject): Effect.Effect<Answer, E> =>
    get(new ReviewKey(digest, subject)).pipe(
      // A review continues when its caller disconnects. Otherwise, callers who disconnect could cause any number of them.
      Effect.forkDetach({ startImmediately: true }),
      Effect.flatMap(Fiber.join)
    )
})
