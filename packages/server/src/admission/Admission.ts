import { FairQueue, type Problem, ServerBusy, TooManyDownloads, TooManyRequests, TooManyWatches } from "@koredump/core"
import { Clock, Context, Deferred, Duration, Effect, Layer, Metric, type Scope } from "effect"
import type { HttpServerRequest } from "effect/http"
import { ResourceUsage } from "../middleware/ResourceUsage.ts"
import { CallerPace } from "./CallerPace.ts"
import { onAnswerReceived } from "./onAnswerReceived.ts"
import {
  type LimitSettings,
  type RequestClass,
  type RequestKind,
  requestKinds,
  type RequestLimit,
  toRequestLimits
} from "./requestKinds.ts"

const running = Metric.gauge("koredump_requests_running", {
  description: "Requests that run, including those whose client has not received the whole answer, by kind"
})
const limits = Metric.gauge("koredump_requests_limit", { description: "Maximum concurrent requests, by kind" })
const rejected = Metric.counter("koredump_requests_rejected_total", {
  description: "Requests rejected because of a limit, by kind and limit",
  incremental: true
})

/** The kinds of requests that use much processor time. */
const paced = ["list", "metadata", "download"] as const satisfies ReadonlyArray<RequestKind>

/**
 * How long a request waits for others. Downloads and watches run for long, so waiting for one of them makes no sense. The
 * half second covers one that has just ended: the server detects a little later that its client has received everything.
 */
const maxWait = {
  light: Duration.seconds(10),
  heavy: Duration.seconds(10),
  stream: Duration.millis(500)
} as const satisfies Record<RequestClass, Duration.Duration>

/** A caller who ignores 429 and sends the next request at once must not keep the server busy with answers. */
const rejectionDelay = Duration.seconds(1)

/** Why a request was not admitted: the caller's own requests, or those of all callers. */
type ExceededLimit = "caller" | "server"

const toProblem = (kind: RequestKind, exceeded: ExceededLimit, { max, maxPerCaller }: RequestLimit): Problem => {
  if (kind === "download" || kind === "watch") {
    const what = kind === "download" ? "downloads" : "watches"
    const detail = exceeded === "caller"
      ? `You have reached the limit of ${maxPerCaller} concurrent ${what} for one caller. Retry later.`
      : `The limit of ${max} concurrent ${what} is reached. Retry later.`
    return kind === "download" ? new TooManyDownloads({ detail }) : new TooManyWatches({ detail })
  }
  return exceeded === "caller"
    ? new TooManyRequests({ detail: "Too many of your requests are waiting. Send fewer at a time." })
    : new ServerBusy({ detail: "The server has too many requests of this kind. Retry later." })
}

/** The requests of one kind. */
class AdmittedRequests {
  readonly kind: RequestKind
  readonly limit: RequestLimit
  readonly #queue: FairQueue
  readonly #attributes: { readonly kind: RequestKind }
  #running = 0

  constructor(kind: RequestKind, limit: RequestLimit) {
    this.kind = kind
    this.limit = limit
    this.#attributes = { kind }
    this.#queue = new FairQueue({
      capacity: limit.max,
      capacityPerKey: limit.maxPerCaller
    })
  }

  /** How many requests run. A request with a weight counts several times. */
  get cost(): number {
    return this.#queue.cost
  }

  /** How many requests of this caller run or wait. */
  count(caller: string): number {
    return this.#queue.count(caller)
  }

  /** Updates the metrics. */
  readonly measure = Effect.suspend(() =>
    Effect.andThen(
      Metric.update(Metric.withAttributes(running, this.#attributes), this.#running),
      Metric.update(Metric.withAttributes(limits, this.#attributes), this.limit.max)
    )
  )

  /** Waits until the request can run. Returns the function that ends it. */
  acquire(caller: string, weight: number): Effect.Effect<() => void, Problem> {
    return this.#queue.acquire(caller, weight).pipe(
      Effect.timeoutOrElse({
        duration: maxWait[requestKinds[this.kind].class],
        orElse: () => this.#reject(this.#queue.isKeyFull(caller, weight) ? "caller" : "server")
      }),
      Effect.catchTag("QueueFull", ({ reason }) => this.#reject(reason === "key" ? "caller" : "server")),
      Effect.flatMap((release) => {
        this.#running += 1
        return Effect.map(Effect.context<never>(), (context) => () => {
          this.#running -= 1
          release()
          Effect.runForkWith(context)(this.measure)
        })
      }),
      Effect.tap(this.measure)
    )
  }

  #reject(exceeded: ExceededLimit): Effect.Effect<never, Problem> {
    const attributes = { ...this.#attributes, limit: exceeded }
    return Metric.update(Metric.withAttributes(rejected, attributes), 1).pipe(
      Effect.andThen(
        exceeded === "caller" && requestKinds[this.kind].class !== "stream"
          ? Effect.sleep(rejectionDelay)
          : Effect.void
      ),
      Effect.andThen(Effect.fail(toProblem(this.kind, exceeded, this.limit)))
    )
  }
}

/** Decides which requests run, so that they fit into the memory limit and no caller can use up what others need. */
export class Admission extends Context.Service<Admission, {
  /**
   * Waits until the caller's request can run. It counts until the client has received the response. `weight` is the cost
   * of the request (default: 1). Fails if too many requests run or wait.
   */
  readonly admit: (
    kind: RequestKind,
    caller: string,
    weight?: number
  ) => Effect.Effect<void, Problem, HttpServerRequest.HttpServerRequest | Scope.Scope>
  /**
   * Records that a request of the caller has used the processor for this long. Returns for how long the caller has to
   * pause, in milliseconds. It is not an Effect because downloads call it for each block.
   */
  readonly charge: (caller: string, millis: number) => number
  /** Ends when the server shuts down. Watches, which otherwise never end, end with it. */
  readonly closing: Effect.Effect<void>
  /** Ends `closing`. */
  readonly close: Effect.Effect<void>
}>()("@koredump/server/Admission") {
  /** Admits requests within these limits. */
  static readonly layer = (settings: LimitSettings): Layer.Layer<Admission> =>
    Layer.effect(
      Admission,
      Effect.gen(function*() {
        const closing = yield* Deferred.make<void>()
        const limits = toRequestLimits(settings)
        const kinds = Object.keys(requestKinds) as ReadonlyArray<RequestKind>
        const requests = Object.fromEntries(
          kinds.map((kind) => [kind, new AdmittedRequests(kind, limits[kind])])
        ) as Record<RequestKind, AdmittedRequests>
        const usage = yield* ResourceUsage
        yield* Effect.forEach(kinds, (kind) =>
          Effect.andThen(
            requests[kind].measure,
            usage.register(`concurrent requests of kind ${kind}`, () => ({
              used: requests[kind].cost,
              limit: limits[kind].max
            }))
          ))
        const pace = new CallerPace()
        const clock = yield* Clock.Clock
        const pause = (caller: string) =>
          Effect.suspend(() => Effect.sleep(pace.toDelay(caller, clock.currentTimeMillisUnsafe())))

        return Admission.of({
          admit: (kind, caller, weight = 1) =>
            Effect.uninterruptibleMask((restore) =>
              Effect.flatMap(restore(requests[kind].acquire(caller, weight)), (end) =>
                onAnswerReceived(end, kind === "small"))
            ).pipe(
              Effect.andThen(requestKinds[kind].class === "heavy" ? pause(caller) : Effect.void)
            ),
          charge: (caller, millis) => {
            const now = clock.currentTimeMillisUnsafe()
            const count = paced.reduce((sum, kind) =>
              sum + requests[kind].count(caller), 0)
            pace.charge(caller, millis, now, count > 1)
            return pace.toDelay(caller, now)
          },
          closing: Deferred.await(closing),
          close: Effect.asVoid(Deferred.succeed(closing, undefined))
        })
      })
    )
}
