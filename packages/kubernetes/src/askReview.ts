/** Asks the API server for a review. Where it cannot answer, nobody is let in: `NotReady`. */
import { NotReady } from "@koredump/core"
import { Effect, Metric, Schema, Semaphore } from "effect"
import { type KubeApi, KubeApiError } from "./KubeApi.ts"

const reviews = Metric.counter("koredump_kubernetes_reviews_total", {
  description: "Reviews that the API server was asked for, by kind and by whether it answered",
  incremental: true
})

/** Of one kind: a flood of made-up tokens must not keep the permissions of those from being asked who are known. */
const maxAtOnce = 32
const patience = "10 seconds"

/** For the log and the ops port. */
const reasonOf = (resource: string, { message, reason }: KubeApiError): string => {
  switch (reason) {
    case "forbidden":
      return `koredump lacks the right to create ${resource}. ${message}`
    case "unauthorized":
      return `The API server does not accept koredump's own credentials. ${message}`
    default:
      return message
  }
}

/** Reviews of one kind. */
export interface Reviews<Status> {
  readonly ask: (spec: unknown) => Effect.Effect<Status, NotReady>
  /** Why the last one had no answer, in words; undefined where it had one. */
  readonly degradedReason: Effect.Effect<string | undefined>
}

/** Asks for reviews of one kind and decodes their status. The same failure is logged once, until it is over. */
export const makeAskReview = <Status>(
  api: KubeApi["Service"],
  kind: { readonly path: string; readonly apiVersion: string; readonly kind: string; readonly resource: string },
  status: Schema.ConstraintDecoder<Status>
): Reviews<Status> => {
  const decode = Schema.decodeUnknownEffect(Schema.Struct({ status }))
  const slots = Semaphore.makeUnsafe(maxAtOnce)
  let degradedReason: string | undefined

  const count = (answered: boolean) =>
    Metric.update(Metric.withAttributes(reviews, { kind: kind.kind, answered: String(answered) }), 1)

  const failed = Effect.fnUntraced(function*(reason: string, lacksRight: boolean) {
    yield* count(false)
    if (reason !== degradedReason) {
      degradedReason = reason
      yield* Effect.logWarning("Requests are refused: the API server cannot be asked who may do what").pipe(
        Effect.annotateLogs({ reason })
      )
    }
    // More than this is for the administrator, not for callers who have not yet proved who they are.
    const why = lacksRight
      ? `koredump itself lacks the right to create ${kind.resource}`
      : "the API server does not answer"
    return yield* new NotReady({ detail: `Who may do what is not known: ${why}.` })
  })

  const ask = (spec: unknown): Effect.Effect<Status, NotReady> =>
    api.create(kind.path, { apiVersion: kind.apiVersion, kind: kind.kind, spec }).pipe(
      slots.withPermit,
      Effect.timeoutOrElse({
        duration: patience,
        orElse: () => Effect.fail(new KubeApiError({ reason: "timeout", message: "Too many reviews wait for it." }))
      }),
      Effect.flatMap(decode),
      Effect.matchEffect({
        onFailure: (error) =>
          error._tag === "KubeApiError"
            ? failed(reasonOf(kind.resource, error), error.reason === "forbidden")
            : failed(`The API server's answer is no ${kind.kind}.`, false),
        onSuccess: ({ status }) => {
          degradedReason = undefined
          return Effect.as(count(true), status)
        }
      })
    )

  return {
    ask,
    degradedReason: Effect.sync(() =>
      degradedReason === undefined
        ? undefined
        : `requests are refused, the API server cannot be asked who may do what: ${degradedReason}`
    )
  }
}
