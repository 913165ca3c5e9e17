import { Cause, Clock, Effect, Metric, Option } from "effect"
import { makeFailureLog } from "../common/FailureLog.ts"
import { NodeFailed, type Problem } from "../model/Problem.ts"
import type { ClusterNode } from "./ClusterNode.ts"
import { toNodeFailure } from "./toClusterProblem.ts"

const reconnects = Metric.counter("koredump_cluster_reconnects_total", {
  description: "Connections to nodes that failed and are retried",
  incremental: true
})

/** A node that rejects a resource version that it sent itself needs a full replay: it would reject this version again. */
const versionErrors: ReadonlySet<Problem["_tag"]> = new Set(["InvalidQuery", "BadRequest"])

/** Records the failures of one node's connection. */
export interface NodeFailureLog {
  /** The connection failed: the node is unreachable. */
  readonly onFailure: (cause: Cause.Cause<Problem>) => Effect.Effect<void>
  /** The node is ready. */
  readonly onReady: Effect.Effect<void>
}

/** Logs each failure once until the node is ready again, even if the node sends events between the failures. */
export const makeNodeFailureLog = (node: ClusterNode): NodeFailureLog => {
  const log = makeFailureLog({ failed: "Node unreachable", recovered: "Node reachable again" })
  return {
    onFailure: Effect.fnUntraced(function*(cause) {
      const problem = Cause.findErrorOption(cause)
      const failure = Option.isSome(problem)
        ? toNodeFailure(node.name, problem.value)
        : new NodeFailed({ node: node.name, detail: "Internal error in the connection to the node, see the log." })
      yield* Metric.update(reconnects, 1)
      if (Option.isSome(problem) && versionErrors.has(problem.value._tag)) node.cores.expireVersion()
      if (node.markUnreachable(failure, yield* Clock.currentTimeMillis)) {
        yield* log.failed(failure.message, Option.isSome(problem) ? undefined : cause)
      }
    }),
    onReady: Effect.suspend(() => log.reason() === undefined ? Effect.logDebug("Node ready") : log.recovered)
  }
}
