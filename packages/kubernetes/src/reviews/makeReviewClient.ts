import { type FairQueue, makeFailureLog, NotReady, type QueueFull } from "@koredump/core"
import { Effect, Metric, Schema } from "effect"
import { type KubeApi, KubeApiError } from "../api/KubeApi.ts"

const reviews = Metric.counter("koredump_kubernetes_reviews_total", {
  description: "Access reviews sent to the Kubernetes API, by kind and by whether it answered",
  incremental: true
})

const refusals = Metric.counter("koredump_kubernetes_reviews_refused_total", {
  description: "Access reviews that were not sent because of a limit, by kind",
  incremental: true
})

const reviewTimeout = "10 seconds"

/** A kind of review in the Kubernetes API. */
interface ReviewKind {
  readonly path: string
  readonly apiVersion: string
  readonly kind: string
  /** The resource in RBAC rules, for example `tokenreviews.authentication.k8s.io`. */
  readonly resource: string
}

/** Requests reviews of one kind. */
interface ReviewClient<Status> {
  /**
   * Sends a review when it is the key's turn. Fails with `NotReady` if the Kubernetes API does not answer: then nobody has
   * access.
   */
  readonly review: (spec: unknown, queue: FairQueue, key: string) => Effect.Effect<Status, NotReady | QueueFull>
  /** Counts a review that was not sent because of a limit. `review` counts those that cannot wait. */
  readonly countRefusal: Effect.Effect<void>
  /** Why the last review failed, as a sentence for operators. Undefined if it was answered. */
  readonly degradedReason: Effect.Effect<string | undefined>
}

/** The reason of a failed review, for the log. */
const toReason = (resource: string, { message, reason }: KubeApiError): string => {
  switch (reason) {
    case "forbidden":
      return `koredump has no permission to create ${resource}. ${message} ` +
        "Bind the ClusterRole system:auth-delegator to its service account, or set rbac.create in the Helm chart."
    case "unauthorized":
      return `The Kubernetes API rejected koredump's own token. ${message}`
    default:
      return message
  }
}

/** A client that decodes the status of the reviews. Logs each failure once until a review is answered. */
export const makeReviewClient = <Status>(
  api: KubeApi["Service"],
  { apiVersion, kind, path, resource }: ReviewKind,
  status: Schema.ConstraintDecoder<Status>
): ReviewClient<Status> => {
  const decode = Schema.decodeUnknownEffect(Schema.Struct({ status }))
  const log = makeFailureLog({ failed: "Access review failed" })

  const count = (answered: boolean) =>
    Metric.update(Metric.withAttributes(reviews, { kind, answered: String(answered) }), 1)

  const countRefusal = Metric.update(Metric.withAttributes(refusals, { kind }), 1)

  const onFailure = Effect.fnUntraced(function*(reason: string, isForbidden: boolean) {
    yield* count(false)
    yield* Effect.annotateLogs(log.failed(reason), { resource })
    // Callers are not authenticated yet, so details are only for operators.
    const publicReason = isForbidden
      ? `koredump has no permission to create ${resource}`
      : "the Kubernetes API does not answer"
    return yield* new NotReady({ detail: `Authorization is unavailable: ${publicReason}.` })
  })

  return {
    countRefusal,
    review: (spec, queue, key) =>
      queue.run(key, api.create(path, { apiVersion, kind, spec })).pipe(
        Effect.tapErrorTag("QueueFull", () => countRefusal),
        Effect.timeoutOrElse({
          duration: reviewTimeout,
          orElse: () =>
            Effect.fail(
              new KubeApiError({ reason: "timeout", message: "Timed out: too many access reviews are waiting." })
            )
        }),
        Effect.flatMap(decode),
        Effect.matchEffect({
          onFailure: (error): Effect.Effect<never, NotReady | QueueFull> => {
            switch (error._tag) {
              case "QueueFull":
                return Effect.fail(error)
              case "KubeApiError":
                return onFailure(toReason(resource, error), error.reason === "forbidden")
              default:
                return onFailure(`The Kubernetes API did not return a valid ${kind}.`, false)
            }
          },
          onSuccess: ({ status }) => log.recovered.pipe(Effect.andThen(count(true)), Effect.as(status))
        })
      ),
    degradedReason: Effect.sync(() => {
      const reason = log.reason()
      return reason === undefined ? undefined : `Requests are rejected, access reviews fail: ${reason}`
    })
  }
}
