import { Context, type Effect, type Scope } from "effect"
import type { Problem } from "../model/Problem.ts"
import type { CoreSource } from "../source/CoreSource.ts"
import type { NodeAddress } from "./NodeDirectory.ts"

/**
 * Connects to nodes. The returned source is used until the scope ends, also after failures: as long as the node keeps
 * its address.
 */
export class NodeConnector extends Context.Service<NodeConnector, {
  readonly connect: (node: NodeAddress) => Effect.Effect<CoreSource["Service"], Problem, Scope.Scope>
}>()("@koredump/core/NodeConnector") {}
