import { Context, Effect, Layer, Stream } from "effect"

/** A node and the address of its node agent. */
export interface NodeAddress {
  /** The name of the Kubernetes node. */
  readonly name: string
  /** What the node connector needs to reach the node agent. For HTTP: `https://10.0.0.7:5001`. */
  readonly address: string
  /** Distinguishes node agents at the same address, for example by the UID of the pod. */
  readonly incarnation?: string
}

/** Discovers the nodes of a cluster. */
export class NodeDirectory extends Context.Service<NodeDirectory, {
  /**
   * Emits the complete list of nodes: first when all are known, then whenever a node is added, removed or gets another
   * address. Never ends and never fails. Implementations log errors and retry.
   */
  readonly nodes: Stream.Stream<ReadonlyArray<NodeAddress>>
  /**
   * Why the list may be stale, as a sentence for operators: the Kubernetes API does not answer, for example. Undefined if
   * the list is up to date.
   */
  readonly degradedReason: Effect.Effect<string | undefined>
}>()("@koredump/core/NodeDirectory") {}

/** A fixed list of nodes, for use without Kubernetes. */
export const layerStaticNodeDirectory = (nodes: ReadonlyArray<NodeAddress>): Layer.Layer<NodeDirectory> =>
  Layer.succeed(NodeDirectory, {
    nodes: Stream.concat(Stream.succeed(nodes), Stream.never),
    degradedReason: Effect.undefined
  })
