/**
 * The cores of a cluster: the live union of all nodes' sources. `NodeDirectory` says which nodes there are,
 * `NodeConnector` reaches the cores of one. Each node's watch feeds one index, from which lists and watches are answered:
 * no request waits for a node but those for one core. A node that comes, goes, hangs or answers garbage changes only its
 * own part.
 */
import { Clock, Context, Deferred, Effect, FiberMap, Layer, Metric, Schedule, Semaphore, Stream } from "effect"
import { RateLimiter } from "effect/persistence"
import type { CoreMetadata } from "../model/Core.ts"
import type { CoreRef } from "../model/CoreId.ts"
import { CoreNotFound, NodeFailed, NodeTimeout, NotReady, type Problem } from "../model/Problem.ts"
import { CoreIndex } from "../source/CoreIndex.ts"
import { type ByteRange, type CoreFile, CoreSource } from "../source/CoreSource.ts"
import { measureIndex } from "../source/measureIndex.ts"
import { requireStored } from "../source/requireStored.ts"
import { ClusterNode } from "./ClusterNode.ts"
import { applyChanges, type Following, followNode } from "./followNode.ts"
import { monitorNodes } from "./monitorNodes.ts"
import { type NodeAddress, NodeConnector, NodeDirectory } from "./NodeDirectory.ts"
import { toClusterProblem } from "./toClusterProblem.ts"

/** The bounds of a cluster's source. */
export interface ClusterCoreSourceOptions {
  /** Most cores known of all nodes together; 200,000 unless said. The oldest that are `missing` go first. */
  readonly maxCores?: number
  /** Changes kept for watchers; one that falls further behind has to list again. 16,384 unless said. */
  readonly maxChanges?: number
  /** Most cores known of one node; 10,000 unless said. */
  readonly maxCoresPerNode?: number
  /** Most bytes of the summaries of one node's cores, as JSON; 64 MiB unless said. */
  readonly maxBytesPerNode?: number
  /** Changes a second that are taken of one node for long; 100 unless said. As many as it may have cores at once. */
  readonly maxChangesPerSecond?: number
  /** Nodes that synchronise at once; 64 unless said. */
  readonly maxSyncing?: number
}

/** Whether the cluster is known: what a readiness probe asks. */
export class ClusterReadiness extends Context.Service<ClusterReadiness, {
  /**
   * Ends when each node that the directory had at first has answered or failed once, or has had its time to: one that
   * never comes to an end does not keep the others from their users.
   */
  readonly ready: Effect.Effect<void>
  /** What is still waited for, in words; undefined once `ready`, whatever comes later. */
  readonly waiting: Effect.Effect<string | undefined>
  /** Why what is known of the nodes may be old, in words; undefined when all is well. */
  readonly degradedReason: Effect.Effect<string | undefined>
}>()("@koredump/core/ClusterReadiness") {}

const maxCoreBytes = 256 * 1024
/** Of one node's cores: several times as many as a node can have pods. */
const maxNamespaces = 1000
/** A node that is gone may come back soon, as in a roll-out: until then its cores stay. */
const keptAfterwards = "5 minutes"
const askTimeout = "30 seconds"
/** A node that has not told all by then is waited for no longer: it would keep all the others from their users. */
const waitedFor = "30 seconds"
const connecting = { schedule: Schedule.spaced("20 millis"), times: 50 }

const nodesGauge = Metric.gauge("koredump_cluster_nodes", { description: "Nodes of the cluster, by state" })

const make = Effect.fnUntraced(function*(options: ClusterCoreSourceOptions) {
  const directory = yield* NodeDirectory
  const maxCoresPerNode = options.maxCoresPerNode ?? 10_000
  const bounds = {
    maxCores: maxCoresPerNode,
    maxBytes: options.maxBytesPerNode ?? 64 * 1024 * 1024,
    maxCoreBytes,
    maxNamespaces
  }

  const nodes = new Map<string, ClusterNode>()
  const index = yield* CoreIndex.make({
    maxCores: options.maxCores ?? 200_000,
    ...(options.maxChanges === undefined ? {} : { maxChanges: options.maxChanges }),
    onEvict: ({ id, node }) => nodes.get(node)?.cores.evicted(id)
  })

  const known = yield* Deferred.make<void>()
  const ready = yield* Deferred.make<void>()
  /** Nodes that the directory had at first and that have neither answered nor failed yet. */
  const untried = new Set<string>()
  const tried = ({ name }: ClusterNode) => {
    untried.delete(name)
    if (untried.size === 0) Deferred.doneUnsafe(ready, Effect.void)
  }

  const following: Following = {
    connector: yield* NodeConnector,
    turns: yield* Semaphore.make(options.maxSyncing ?? 64),
    limiter: yield* Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory),
    rate: { perSecond: options.maxChangesPerSecond ?? 100, burst: maxCoresPerNode },
    tried
  }

  const forget = Effect.fnUntraced(function*(node: ClusterNode) {
    yield* Effect.sleep(keptAfterwards)
    // Should it come back while this is under way, everything has to be told again.
    node.cores.expire()
    yield* applyChanges(node, node.cores.removal())
    nodes.delete(node.name)
  })

  const fibers = yield* FiberMap.make<string>()
  // Whatever was done for the node before has ended by the time this starts.
  const run = (name: string, effect: Effect.Effect<void>) =>
    FiberMap.run(fibers, name, effect, { startImmediately: false })

  const take = Effect.fnUntraced(function*(addresses: ReadonlyArray<NodeAddress>) {
    const now = yield* Clock.currentTimeMillis
    const isFirst = !Deferred.isDoneUnsafe(known)
    const present = new Map(addresses.map((address) => [address.name, address]))
    for (const [name, address] of present) {
      const before = nodes.get(name)
      if (before?.locate(address, now) === false) continue
      const node = before ?? new ClusterNode(index, bounds, address, now)
      nodes.set(name, node)
      if (isFirst) untried.add(name)
      yield* run(name, followNode(node, following))
    }
    for (const node of nodes.values()) {
      if (present.has(node.name) || !node.inDirectory) continue
      node.leave(now)
      tried(node)
      yield* run(node.name, forget(node))
    }
    if (!isFirst) return
    Deferred.doneUnsafe(known, Effect.void)
    if (untried.size === 0) Deferred.doneUnsafe(ready, Effect.void)
  })

  const waitNoLonger = Effect.gen(function*() {
    yield* Deferred.await(known)
    yield* Effect.sleep(waitedFor)
    if (!Deferred.doneUnsafe(ready, Effect.void)) return
    const names = [...untried].slice(0, 20).join(", ")
    yield* Effect.logWarning(`${untried.size} nodes have not told all of their cores yet; the others are served`, names)
  })

  const measure = measureIndex(index)
  const keepHouse = Effect.gen(function*() {
    const states = { ready: 0, syncing: 0, unreachable: 0 }
    for (const { state } of nodes.values()) states[state] += 1
    for (const [state, count] of Object.entries(states)) {
      yield* Metric.update(Metric.withAttributes(nodesGauge, { state }), count)
    }
    yield* measure
  })

  yield* Stream.runForEach(directory.nodes, take).pipe(
    Effect.tapCause((cause) => Effect.logError("The directory of nodes broke; nodes that come are not seen", cause)),
    Effect.forkScoped
  )
  yield* Effect.forkScoped(waitNoLonger)
  yield* Effect.forkScoped(monitorNodes(() => nodes.values()))
  yield* Effect.forkScoped(Effect.repeat(keepHouse, Schedule.spaced("10 seconds")))

  const whenKnown = Effect.suspend(() =>
    Deferred.isDoneUnsafe(known)
      ? Effect.void
      : Effect.flatMap(directory.degradedReason, (why) =>
        Effect.fail(
          new NotReady({ detail: `The cluster's nodes are not known yet${why === undefined ? "" : `: ${why}`}` })
        ))
  )

  const find = Effect.fnUntraced(function*({ id, node }: CoreRef) {
    yield* whenKnown
    return index.get({ id, node }) ?? (yield* new CoreNotFound({ id, node }))
  })

  const findStored = (ref: CoreRef) => Effect.flatMap(find(ref), requireStored)

  /** A node and the way to it; waited for where it is being connected to, as when its agent has moved. */
  const connected = (name: string) =>
    Effect.suspend(() => {
      const holder = nodes.get(name)
      if (holder?.failure !== undefined) return Effect.fail(holder.failure)
      return holder?.source === undefined
        ? Effect.fail(new NodeFailed({ node: name, detail: "The node is being connected to." }))
        : Effect.succeed({ holder, source: holder.source })
    }).pipe(
      Effect.retry({ ...connecting, while: () => nodes.get(name)?.failure === undefined })
    )

  /** Asks the node that has the core, by the name that it has for itself. */
  const ask = <A, R>(
    { id, node }: CoreRef,
    request: (source: CoreSource["Service"], own: CoreRef) => Effect.Effect<A, Problem, R>
  ): Effect.Effect<A, Problem, R> =>
    Effect.gen(function*() {
      const { holder, source } = yield* connected(node)
      return yield* request(source, { node: holder.cores.ownNode(id), id }).pipe(
        Effect.mapError((problem) => toClusterProblem({ id, node }, problem)),
        Effect.timeoutOrElse({
          duration: askTimeout,
          orElse: () => Effect.fail(new NodeTimeout({ node, detail: `The node did not answer within ${askTimeout}.` }))
        })
      )
    })

  const source = CoreSource.of({
    list: (query) =>
      Effect.map(whenKnown, () => ({
        ...index.list(query),
        unreachable: [...nodes.values()]
          .filter(({ name, state }) => state !== "ready" && query.node?.includes(name) !== false)
          .map(({ name }) => name)
          .toSorted()
      })),
    get: Effect.fn("ClusterCoreSource.get")(function*(ref) {
      yield* find(ref)
      const metadata = yield* ask(ref, (source, own) => source.get(own))
      // What lists and watches tell wins: permissions are decided on it.
      return { ...metadata, ...yield* find(ref) } as CoreMetadata
    }),
    open: Effect.fn("ClusterCoreSource.open")(function*(ref) {
      yield* findStored(ref)
      const file = yield* ask(ref, (source, own) => source.open(own))
      const { reader } = file
      const problemOf = (problem: Problem) => toClusterProblem(ref, problem)
      const ofNode = Stream.mapError(problemOf)
      return {
        ...file,
        ref: { node: ref.node, id: ref.id },
        bytes: (range?: ByteRange) => ofNode(file.bytes(range)),
        decompressed: ofNode(file.decompressed),
        ...(reader === undefined
          ? {}
          : { reader: (range?: ByteRange) => Effect.mapError(reader(range), problemOf) })
      } satisfies CoreFile
    }),
    remove: Effect.fn("ClusterCoreSource.remove")(function*(ref) {
      yield* findStored(ref)
      yield* ask(ref, (source, own) => source.remove(own))
    }),
    changes: (options) => Stream.unwrap(Effect.map(whenKnown, () => index.changes(options))),
    nodes: Effect.map(
      whenKnown,
      () => [...nodes.values()].map(({ status }) => status).toSorted((a, b) => a.name < b.name ? -1 : 1)
    )
  })

  const readiness = ClusterReadiness.of({
    ready: Deferred.await(ready),
    waiting: Effect.sync(() =>
      Deferred.isDoneUnsafe(ready)
        ? undefined
        : Deferred.isDoneUnsafe(known)
        ? `${untried.size} of ${nodes.size} nodes have not answered yet`
        : "the cluster's nodes are not known yet"
    ),
    degradedReason: directory.degradedReason
  })

  return Context.make(CoreSource, source).pipe(Context.add(ClusterReadiness, readiness))
})

/** The cores of all nodes of the directory. The layer is there at once; until the nodes are known it is `NotReady`. */
export const layerClusterCoreSource = (
  options: ClusterCoreSourceOptions = {}
): Layer.Layer<CoreSource | ClusterReadiness, never, NodeDirectory | NodeConnector> =>
  Layer.effectContext(make(options))
