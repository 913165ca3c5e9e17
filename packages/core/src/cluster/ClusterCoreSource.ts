/**
 * The cores of a cluster as one source. The watches of all nodes update one index, which answers lists and watches. Only
 * requests for one core wait for a node. A node that comes, goes, hangs or sends garbage changes only its own cores.
 */
import { Context, Effect, Layer, Metric, Schedule, Semaphore, Stream } from "effect"
import { RateLimiter } from "effect/persistence"
import type { CoreMetadata } from "../model/Core.ts"
import type { CoreRef } from "../model/CoreId.ts"
import { CoreNotFound, NotReady, type Problem } from "../model/Problem.ts"
import { CoreIndex } from "../source/CoreIndex.ts"
import { type ByteRange, type CoreFile, CoreSource, type NodeStatus } from "../source/CoreSource.ts"
import { measureIndex } from "../source/measureIndex.ts"
import { requireStored } from "../source/requireStored.ts"
import { type ClusterNodes, makeClusterNodes } from "./ClusterNodes.ts"
import { ClusterReadiness, ReadinessTracker } from "./ClusterReadiness.ts"
import { monitorNodes } from "./monitorNodes.ts"
import { NodeConnector } from "./NodeConnector.ts"
import { NodeDirectory } from "./NodeDirectory.ts"
import { makeRequestNode, type RequestNode } from "./requestNode.ts"
import { syncNode, type SyncOptions } from "./syncNode.ts"
import { toClusterProblem } from "./toClusterProblem.ts"

/** The limits of a cluster source. */
export interface ClusterCoreSourceOptions {
  /** Maximum number of cores of all nodes. Default: 200,000. Above it, the oldest `missing` cores are removed first. */
  readonly maxCores?: number
  /** Maximum memory of the index in bytes, estimated by `measureCore`. Default: 512 MiB. Removes cores like `maxCores`. */
  readonly maxIndexBytes?: number
  /** Number of changes kept for watches. A watch that falls further behind must list again. Default: 16,384. */
  readonly maxChanges?: number
  /** Maximum number of cores of one node. Default: 10,000. */
  readonly maxCoresPerNode?: number
  /** Maximum size of the summaries of one node's cores, bytes of JSON. Default: an eighth of `maxIndexBytes`, at most 16 MiB. */
  readonly maxBytesPerNode?: number
  /** Changes per second that one node can send. A burst can have `maxCoresPerNode` changes. Default: 100. */
  readonly maxChangesPerSecond?: number
  /** Number of nodes that sync at the same time. Default: 64. */
  readonly maxSyncing?: number
}

const maxCoreBytes = 256 * 1024
/** Per node: several times as many as a node can have pods. */
const maxNamespaces = 1000

const nodesGauge = Metric.gauge("koredump_cluster_nodes", { description: "Nodes of the cluster, by state" })

const toIndexBytes = ({ maxIndexBytes }: ClusterCoreSourceOptions) => maxIndexBytes ?? 512 * 1024 * 1024

const toNodeLimits = (options: ClusterCoreSourceOptions) => ({
  maxCores: options.maxCoresPerNode ?? 10_000,
  maxBytes: options.maxBytesPerNode ?? Math.min(16 * 1024 * 1024, toIndexBytes(options) / 8),
  maxCoreBytes,
  maxNamespaces
})

const measureNodes = (nodes: ClusterNodes) =>
  Effect.gen(function*() {
    const counts: Record<NodeStatus["state"], number> = { ready: 0, syncing: 0, unreachable: 0 }
    for (const { state } of nodes.values()) counts[state] += 1
    for (const [state, count] of Object.entries(counts)) {
      yield* Metric.update(Metric.withAttributes(nodesGauge, { state }), count)
    }
  })

/** The source over the index. `discovered` fails until the nodes are discovered. */
const makeSource = (
  index: CoreIndex,
  nodes: ClusterNodes,
  requestNode: RequestNode,
  discovered: Effect.Effect<void, NotReady>
): CoreSource["Service"] => {
  const find = Effect.fnUntraced(function*({ id, node }: CoreRef) {
    yield* discovered
    return index.get({ id, node }) ?? (yield* new CoreNotFound({ id, node }))
  })

  const findStored = (ref: CoreRef) => Effect.flatMap(find(ref), requireStored)

  return CoreSource.of({
    list: (query) =>
      Effect.map(discovered, () => ({
        ...index.list(query),
        unreachable: Array.from(nodes.values())
          .filter(({ name, state }) => state !== "ready" && query.node?.includes(name) !== false)
          .map(({ name }) => name)
          .toSorted()
      })),
    get: Effect.fn("ClusterCoreSource.get")(function*(ref) {
      yield* find(ref)
      const metadata = yield* requestNode(ref, (source, nodeRef) => source.get(nodeRef))
      // The index overrides the node: access is decided on the fields in the index.
      return { ...metadata, ...yield* find(ref) } as CoreMetadata
    }),
    open: Effect.fn("ClusterCoreSource.open")(function*(ref) {
      yield* findStored(ref)
      const file = yield* requestNode(ref, (source, nodeRef) => source.open(nodeRef))
      const { decompressedBlocks, reader } = file
      const toProblem = (problem: Problem) => toClusterProblem(ref, problem)
      return {
        ...file,
        ref: { node: ref.node, id: ref.id },
        bytes: (range?: ByteRange) => Stream.mapError(file.bytes(range), toProblem),
        decompressed: Stream.mapError(file.decompressed, toProblem),
        ...(reader === undefined
          ? {}
          : { reader: (range?: ByteRange) => Effect.mapError(reader(range), toProblem) }),
        ...(decompressedBlocks === undefined
          ? {}
          : { decompressedBlocks: Effect.mapError(decompressedBlocks, toProblem) })
      } satisfies CoreFile
    }),
    remove: Effect.fn("ClusterCoreSource.remove")(function*(ref) {
      yield* findStored(ref)
      yield* requestNode(ref, (source, nodeRef) => source.remove(nodeRef))
    }),
    changes: (options) => Stream.unwrap(Effect.map(discovered, () => index.changes(options))),
    nodes: Effect.map(
      discovered,
      () => Array.from(nodes.values(), ({ status }) => status).toSorted((a, b) => a.name < b.name ? -1 : 1)
    )
  })
}

const make = Effect.fnUntraced(function*(options: ClusterCoreSourceOptions) {
  const directory = yield* NodeDirectory
  const limits = toNodeLimits(options)
  const readiness = new ReadinessTracker()
  const index = yield* CoreIndex.make({
    maxCores: options.maxCores ?? 200_000,
    maxBytes: toIndexBytes(options),
    ...(options.maxChanges === undefined ? {} : { maxChanges: options.maxChanges }),
    onEvict: ({ id, node }) => nodes.get(node)?.cores.onEvicted(id)
  })
  const syncOptions: SyncOptions = {
    connector: yield* NodeConnector,
    slots: yield* Semaphore.make(options.maxSyncing ?? 64),
    limiter: yield* Effect.provide(RateLimiter.make, RateLimiter.layerStoreMemory),
    rate: { perSecond: options.maxChangesPerSecond ?? 100, burst: limits.maxCores },
    onAnswered: ({ name }) => readiness.onAnswered(name)
  }
  const nodes: ClusterNodes = yield* makeClusterNodes({
    index,
    limits,
    readiness,
    sync: (node) => syncNode(node, syncOptions)
  })

  yield* Stream.runForEach(directory.nodes, nodes.update).pipe(
    Effect.tapCause((cause) => Effect.logError("Node discovery failed", cause)),
    Effect.forkScoped
  )
  yield* Effect.forkScoped(readiness.limitWait)
  yield* Effect.forkScoped(monitorNodes(nodes.values))
  const measure = Effect.andThen(measureNodes(nodes), measureIndex(index))
  yield* Effect.forkScoped(Effect.repeat(measure, Schedule.spaced("10 seconds")))

  const discovered = Effect.suspend(() =>
    readiness.isDiscovered
      ? Effect.void
      : Effect.flatMap(directory.degradedReason, (reason) =>
        Effect.fail(
          new NotReady({
            detail: `The nodes of the cluster are not discovered yet${reason === undefined ? "." : `: ${reason}`}`
          })
        ))
  )

  return Context.make(CoreSource, makeSource(index, nodes, makeRequestNode(nodes.get), discovered)).pipe(
    Context.add(
      ClusterReadiness,
      ClusterReadiness.of({
        ready: readiness.ready,
        waiting: Effect.sync(() => readiness.waiting(nodes.size())),
        degradedReason: directory.degradedReason
      })
    )
  )
})

/**
 * The cores of all nodes of the node directory. The layer is available immediately. Until the nodes are discovered,
 * requests fail with `NotReady`.
 */
export const layerClusterCoreSource = (
  options: ClusterCoreSourceOptions = {}
): Layer.Layer<CoreSource | ClusterReadiness, never, NodeDirectory | NodeConnector> =>
  Layer.effectContext(make(options))
