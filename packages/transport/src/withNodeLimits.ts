import {
  type CoreFile,
  CoreSource,
  CurrentPrincipal,
  exponentialBackoff,
  FairQueue,
  NodeFailed,
  NodeTimeout,
  type Problem,
  TooManyDownloads
} from "@koredump/core"
import { Duration, Effect, Exit, Option, Scope, Stream } from "effect"
import { CircuitBreaker } from "effect/persistence"

/** Limits for each node. */
export interface NodeConnectionLimits {
  /** Concurrent requests. Default: 8 */
  readonly maxRequests?: number | undefined
  /**
   * Concurrent downloads. A decompressed one counts as four, because the node agent needs that much more memory. Default: 8,
   * which a node agent with the memory of the chart allows a cluster server.
   */
  readonly maxDownloads?: number | undefined
  /** Longest time that a request or download waits for others. Default: 10 seconds */
  readonly queueTimeout?: Duration.Input | undefined
}

/** As how many downloads a decompressed download counts. */
const decompressedWeight = 4

/** Metadata is much larger than other answers: a node must not fill the memory with many at the same time. */
const maxMetadataRequests = 2

/** Failures in a row after which a node gets no requests for a while. */
const failuresToOpen = 5

/** Makes the circuit breaker of all nodes. Each node has its own circuit. */
export const makeNodeBreaker = CircuitBreaker.make({
  tripPolicy: CircuitBreaker.consecutive(failuresToOpen),
  openDuration: exponentialBackoff("2 seconds", "30 seconds")
}).pipe(Effect.provide(CircuitBreaker.layerStoreMemory()))

// Problems of one core or of one request are not failures of the node.
const failureTags: ReadonlySet<string> = new Set(["NodeFailed", "NodeTimeout", "NotReady", "InternalError"])

const isNodeFailure = ({ _tag }: Problem): boolean => failureTags.has(_tag)

const classify = (exit: Exit.Exit<unknown, Problem>): CircuitBreaker.Outcome => {
  if (Exit.isSuccess(exit)) return CircuitBreaker.success
  const failed = Option.match(Exit.findErrorOption(exit), { onNone: () => true, onSome: isNodeFailure })
  return failed ? CircuitBreaker.failure() : CircuitBreaker.success
}

const formatWait = (error: CircuitBreaker.CircuitBreakerError): string =>
  error.reason._tag === "CircuitOpen"
    ? `in ${Math.max(1, Math.ceil(Duration.toSeconds(error.reason.retryAfter)))} s`
    : "running"

/** The caller of the request that is being answered. Requests without one, such as those for the status, count together. */
const callerKey = Effect.map(
  Effect.serviceOption(CurrentPrincipal),
  Option.match({ onNone: () => "", onSome: ({ username }) => `user ${username}` })
)

const takeSlot = (queue: FairQueue, weight: number) =>
  Effect.flatMap(
    callerKey,
    (caller) =>
      Effect.acquireRelease(queue.acquire(caller, weight), (release) => Effect.sync(release), {
        interruptible: true
      })
  )

/**
 * Limits the concurrent requests and downloads of a node, fairly for each caller. After some failures in a row, requests fail immediately for
 * a while: callers do not wait for a node that is down, and the node is not overloaded when it recovers.
 *
 * `node` is the node's name, and `key` identifies its circuit.
 */
export const withNodeLimits = (
  source: CoreSource["Service"],
  breaker: CircuitBreaker.CircuitBreaker,
  node: string,
  key: string,
  limits: NodeConnectionLimits
): CoreSource["Service"] => {
  const maxDownloads = limits.maxDownloads ?? 8
  const requests = new FairQueue({ capacity: limits.maxRequests ?? 8 })
  const metadata = new FairQueue({ capacity: maxMetadataRequests })
  // Downloads can be long, so it is not enough that waiting callers get their turn.
  const downloads = new FairQueue({ capacity: maxDownloads, capacityPerKey: Math.ceil(maxDownloads / 2) })
  const queueTimeout = limits.queueTimeout ?? "10 seconds"
  let circuitCount = 0

  const takeSlots = (queues: ReadonlyArray<FairQueue>, queueFull: () => Problem, weight = 1) =>
    Effect.forEach(queues, (queue) => takeSlot(queue, weight), { discard: true }).pipe(
      Effect.timeoutOrElse({ duration: queueTimeout, orElse: () => Effect.fail(queueFull()) }),
      Effect.catchTag("QueueFull", () => Effect.fail(queueFull()))
    )
  const tooMany = (what: string) => `Timed out: node ${node} has too many concurrent ${what}.`
  const queueFull = () => new NodeTimeout({ node, detail: tooMany("requests") })
  const requestSlot = takeSlots([requests], queueFull)
  const metadataSlots = takeSlots([metadata, requests], queueFull)
  const downloadsFull = () => new TooManyDownloads({ detail: tooMany("downloads") })
  const downloadSlot = takeSlots([downloads], downloadsFull)
  const decompressedSlot = takeSlots([downloads], downloadsFull, decompressedWeight)

  const circuitKey = () => `${key} ${circuitCount}`

  const limited = <A, R>(
    operation: Effect.Effect<A, Problem, R>,
    slots: Effect.Effect<void, Problem, Scope.Scope> = requestSlot
  ): Effect.Effect<A, Problem, R> =>
    // The breaker does not cover the wait for a slot, because a full queue is not a failure of the node. The slot has its
    // own scope, because an opened file stays open after the request.
    Effect.scopedWith((scope) =>
      Effect.andThen(
        Scope.provide(slots, scope),
        Effect.suspend(() => breaker.execute(operation, { key: circuitKey(), classify }))
      )
    ).pipe(
      Effect.catchTag("CircuitBreakerError", (error) =>
        Effect.fail(
          new NodeFailed({
            node,
            detail: `Node ${node} failed several times in a row. The next attempt is ${formatWait(error)}.`
          })
        ))
    )

  const limitDownload = (stream: Stream.Stream<Uint8Array, Problem>, slot: typeof downloadSlot) =>
    Stream.scoped(Stream.unwrap(Effect.as(slot, stream)))

  // An event in a watch shows that the node is back: a new circuit has no failures.
  const onWatchEvent = Effect.suspend(() => Effect.orElseSucceed(breaker.state(circuitKey()), () => undefined)).pipe(
    Effect.map((state) => {
      if (state?._tag !== "Closed") circuitCount += 1
    })
  )

  return CoreSource.of({
    list: (query) => limited(source.list(query)),
    get: (ref) => limited(source.get(ref), metadataSlots),
    open: (ref) =>
      Effect.map(limited(source.open(ref)), ({ decompressedBlocks, reader, ...file }): CoreFile => ({
        ...file,
        bytes: (range) => limitDownload(file.bytes(range), downloadSlot),
        decompressed: limitDownload(file.decompressed, decompressedSlot),
        ...(reader === undefined
          ? {}
          : { reader: (range) => Effect.andThen(downloadSlot, reader(range)) }),
        ...(decompressedBlocks === undefined
          ? {}
          : { decompressedBlocks: Effect.andThen(decompressedSlot, decompressedBlocks) })
      })),
    remove: (ref) => limited(source.remove(ref)),
    changes: (options) => Stream.onFirst(source.changes(options), () => onWatchEvent),
    nodes: limited(source.nodes)
  })
}
