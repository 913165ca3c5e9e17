import { Clock, Effect, FiberMap, type Scope } from "effect"
import type { CoreIndex } from "../source/CoreIndex.ts"
import { applyChanges } from "./applyEvents.ts"
import { ClusterNode, isSameAgent } from "./ClusterNode.ts"
import type { ReadinessTracker } from "./ClusterReadiness.ts"
import type { NodeCoreLimits } from "./NodeCores.ts"
import type { NodeAddress } from "./NodeDirectory.ts"

/** How long the cores of a removed node stay: it may come back soon, for example in a rollout. */
const removalDelay = "5 minutes"

/** What a new list of nodes changes. */
interface NodeChanges {
  /** Nodes that the cluster does not have. */
  readonly added: ReadonlyArray<NodeAddress>
  /** Nodes with another address or another agent, and nodes that come back. */
  readonly changed: ReadonlyArray<NodeAddress>
  /** Names of nodes that left. */
  readonly removed: ReadonlyArray<string>
}

/** Compares the nodes of the cluster with a new list. Of two entries with the same name, the last one counts. */
export const compareNodes = (
  known: Iterable<Pick<ClusterNode, "name" | "address" | "isInDirectory">>,
  addresses: ReadonlyArray<NodeAddress>
): NodeChanges => {
  const added = new Map(addresses.map((address) => [address.name, address]))
  const changed: Array<NodeAddress> = []
  const removed: Array<string> = []
  for (const node of known) {
    const address = added.get(node.name)
    added.delete(node.name)
    if (address === undefined) {
      if (node.isInDirectory) removed.push(node.name)
    } else if (!node.isInDirectory || !isSameAgent(address, node.address)) {
      changed.push(address)
    }
  }
  return { added: [...added.values()], changed, removed }
}

/** What the nodes of a cluster share. */
interface ClusterNodesOptions {
  readonly index: CoreIndex
  readonly limits: NodeCoreLimits
  readonly readiness: ReadinessTracker
  /** Keeps the index in sync with the node until it is interrupted. */
  readonly sync: (node: ClusterNode) => Effect.Effect<void>
}

/** The nodes of a cluster by name, including those that left the cluster less than five minutes ago. */
export interface ClusterNodes {
  readonly get: (name: string) => ClusterNode | undefined
  readonly values: () => Iterable<ClusterNode>
  readonly size: () => number
  /** Applies a new list of nodes: starts the sync of new nodes, and ends the sync of those that left. */
  readonly update: (addresses: ReadonlyArray<NodeAddress>) => Effect.Effect<void>
}

/** Makes the nodes of a cluster. There are none until the first `update`. */
export const makeClusterNodes = Effect.fnUntraced(function*(
  { index, limits, readiness, sync }: ClusterNodesOptions
): Effect.fn.Return<ClusterNodes, never, Scope.Scope> {
  const nodes = new Map<string, ClusterNode>()
  const fibers = yield* FiberMap.make<string>()
  // Starts later, when the previous fiber of the node has ended.
  const run = (name: string, effect: Effect.Effect<void>) =>
    FiberMap.run(fibers, name, effect, { startImmediately: false })

  const removeLater = Effect.fnUntraced(function*(node: ClusterNode) {
    yield* Effect.sleep(removalDelay)
    // If the node comes back during the removal, it needs a full replay.
    node.cores.expireVersion()
    yield* applyChanges(node, node.cores.toRemovals())
    nodes.delete(node.name)
  })

  const update = Effect.fnUntraced(function*(addresses: ReadonlyArray<NodeAddress>) {
    const now = yield* Clock.currentTimeMillis
    const { added, changed, removed } = compareNodes(nodes.values(), addresses)
    for (const address of added) nodes.set(address.name, new ClusterNode(index, limits, address, now))
    readiness.onDiscovered(added.map(({ name }) => name))
    for (const address of changed) nodes.get(address.name)!.updateAddress(address, now)
    for (const { name } of [...added, ...changed]) yield* run(name, sync(nodes.get(name)!))
    for (const name of removed) {
      const node = nodes.get(name)!
      node.markRemoved(now)
      readiness.onAnswered(name)
      yield* run(name, removeLater(node))
    }
  })

  return {
    get: (name) => nodes.get(name),
    values: () => nodes.values(),
    size: () => nodes.size,
    update
  }
})
