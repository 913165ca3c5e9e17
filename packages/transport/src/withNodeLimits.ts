/**
 * A node's source, guarded: few requests and downloads at once, and after some failures in a row none at all for a
 * while, so that a node that is down costs its callers nothing and gets no crowd when it comes back.
 */
import { type CoreFile, CoreSource, NodeFailed, NodeTimeout, type Problem, TooManyDownloads } from "@koredump/core"
import { Duration, Effect, Exit, Option, Schedule, Scope, Semaphore, Stream } from "effect"
import { CircuitBreaker } from "effect/persistence"

/** Bounds for each node. */
export interface NodeConnectionLimits {
  /** Requests at once; 8 unless said. */
  readonly maxRequests?: number | undefined
  /** Downloads at once; 16 unless said. */
  readonly maxDownloads?: number | undefined
  /** Longest wait until one of these can begin; 10 seconds unless said. */
  readonly queueTimeout?: Duration.Input | undefined
}

/** Failures in a row after which a node is not asked for a while. */
const failuresToOpen = 5

/** The breaker of all nodes: each has its own circuit. */
export const makeNodeBreaker = CircuitBreaker.make({
  tripPolicy: CircuitBreaker.consecutive(failuresToOpen),
  openDuration: Schedule.min([Schedule.exponential("2 seconds"), Schedule.spaced("30 seconds")]).pipe(Schedule.jittered)
}).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))

// What a node says of one core, or of this server's request, does not speak against the node as a whole.
const failureTags: ReadonlySet<string> = new Set(["NodeFailed", "NodeTimeout", "NotReady", "InternalError"])

const isNodeFailure = ({ _tag }: Problem): boolean => failureTags.has(_tag)

const classify = (exit: Exit.Exit<unknown, Problem>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success
  const failed = Option.match(Exit.findErrorOption(exit), { onNone: () => true, onSome: isNodeFailure })
  return failed ? CircuitBreaker.failure() : CircuitBreaker.success
}

const waitOf = (error: CircuitBreaker.CircuitBreakerError): string =>
  error.reason._tag === "CircuitOpen"
    ? `in ${Math.max(1, Math.ceil(Duration.toSeconds(error.reason.retryAfter)))} s`
    : "right now"

/** Guards the source of the node called `node`; `key` tells its circuit from all others. */
export const withNodeLimits = (
  source: CoreSource["Service"],
  breaker: CircuitBreaker.CircuitBreaker,
  node: string,
  key: string,
  bounds: NodeConnectionLimits
): CoreSource["Service"] => {
  const requests = Semaphore.makeUnsafe(bounds.maxRequests ?? 8)
  const downloads = Semaphore.makeUnsafe(bounds.maxDownloads ?? 16)
  const queueTimeout = bounds.queueTimeout ?? "10 seconds"
  let circuits = 0

  const slotOf = (semaphore: Semaphore.Semaphore, refusal: () => Problem) =>
    Semaphore.takeScoped(semaphore, 1).pipe(
      Effect.timeoutOrElse({ duration: queueTimeout, orElse: () => Effect.fail(refusal()) })
    )
  const full = (what: string) => `As many ${what} of node ${node} run as are allowed at once.`
  const request = slotOf(requests, () => new NodeTimeout({ node, detail: full("requests") }))
  const download = slotOf(downloads, () => new TooManyDownloads({ detail: full("downloads") }))

  const circuit = () => `${key} ${circuits}`

  const guarded = <A, R>(operation: Effect.Effect<A, Problem, R>): Effect.Effect<A, Problem, R> =>
    // A slot that does not come free speaks against the crowd, not against the node, so it is outside the breaker. It has
    // a scope of its own: what is opened lives on.
    Effect.scopedWith((scope) =>
      Effect.andThen(
        Scope.provide(request, scope),
        Effect.suspend(() => breaker.execute(operation, { key: circuit(), classify }))
      )
    ).pipe(
      Effect.catchTag("CircuitBreakerError", (error) =>
        Effect.fail(
          new NodeFailed({
            node,
            detail: `Node ${node} failed several times in a row; it is tried again ${waitOf(error)}.`
          })
        ))
    )

  const streamed = (stream: Stream.Stream<Uint8Array, Problem>) =>
    Stream.scoped(Stream.unwrap(Effect.as(download, stream)))

  // A watch that is answered shows that the node is back: what failed before counts no more.
  const answered = Effect.suspend(() => Effect.orElseSucceed(breaker.state(circuit()), () => undefined)).pipe(
    Effect.map((state) => {
      if (state?._tag !== "Closed") circuits += 1
    })
  )

  return CoreSource.of({
    list: (query) => guarded(source.list(query)),
    get: (ref) => guarded(source.get(ref)),
    open: (ref) =>
      Effect.map(guarded(source.open(ref)), ({ reader, ...file }): CoreFile => ({
        ...file,
        bytes: (range) => streamed(file.bytes(range)),
        decompressed: streamed(file.decompressed),
        ...(reader === undefined
          ? {}
          : { reader: (range) => Effect.andThen(download, reader(range)) })
      })),
    remove: (ref) => guarded(source.remove(ref)),
    changes: (options) => Stream.onFirst(source.changes(options), () => answered),
    nodes: guarded(source.nodes)
  })
}
