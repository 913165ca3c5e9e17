/** Which nodes there are, and how to reach the cores of one: what a `ClusterCoreSource` is made of. */
import { Context, Effect, Layer, type Scope, Stream } from "effect"
import type { Problem } from "../model/Problem.ts"
import type { CoreSource } from "../source/CoreSource.ts"

/** A node, and where its koredump agent is. */
export interface NodeAddress {
  /** The Kubernetes node's name. */
  readonly name: string
  /** What the connector needs to reach the agent; for HTTP `https://10.0.0.7:5001`. */
  readonly address: string
  /** Tells one agent from the next at the same address (the pod's UID). */
  readonly incarnation?: string
}

/** Discovery. */
export class NodeDirectory extends Context.Service<NodeDirectory, {
  /**
   * All nodes as they are known now, then all of them again whenever one comes, goes or moves. Nothing is emitted before
   * the directory knows all that there are. Never ends; what goes wrong is logged and tried again inside.
   */
  readonly nodes: Stream.Stream<ReadonlyArray<NodeAddress>>
  /** Why what is known may be old (the API server is away), in words; undefined when all is well. */
  readonly degradedReason: Effect.Effect<string | undefined>
}>()("@koredump/core/NodeDirectory") {}

/** A directory of nodes that never changes, for use without Kubernetes. */
export const layerStaticNodeDirectory = (nodes: ReadonlyArray<NodeAddress>): Layer.Layer<NodeDirectory> =>
  Layer.succeed(NodeDirectory, {
    nodes: Stream.concat(Stream.succeed(nodes), Stream.never),
    degradedReason: Effect.undefined
  })

/**
 * Turns a node into the source of its cores. The source is used until the scope ends: as long as the node is at this
 * address, failures between included.
 */
export class NodeConnector extends Context.Service<NodeConnector, {
  readonly connect: (node: NodeAddress) => Effect.Effect<CoreSource["Service"], Problem, Scope.Scope>
}>()("@koredump/core/NodeConnector") {}
