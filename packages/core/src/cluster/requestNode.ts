import { Effect, Schedule } from "effect"
import type { CoreRef } from "../model/CoreId.ts"
import { NodeFailed, NodeTimeout, type Problem } from "../model/Problem.ts"
import type { CoreSource } from "../source/CoreSource.ts"
import type { ClusterNode } from "./ClusterNode.ts"
import { toClusterProblem } from "./toClusterProblem.ts"

const requestTimeout = "30 seconds"
/** Waits about a second for a connection that is being established, for example because the node agent moved. */
const connectRetry = { schedule: Schedule.spaced("20 millis"), times: 50 }

/** Sends a request for one core to the node that has it. `nodeRef` is the core's reference on the node itself. */
export type RequestNode = <A, R>(
  ref: CoreRef,
  send: (source: CoreSource["Service"], nodeRef: CoreRef) => Effect.Effect<A, Problem, R>
) => Effect.Effect<A, Problem, R>

/** Makes the function that sends requests to nodes. Requests to an unreachable node fail immediately. */
export const makeRequestNode = (getNode: (name: string) => ClusterNode | undefined): RequestNode => {
  const connect = (name: string) =>
    Effect.suspend(() => {
      const node = getNode(name)
      if (node?.failure !== undefined) return Effect.fail(node.failure)
      return node?.source === undefined
        ? Effect.fail(new NodeFailed({ node: name, detail: "The connection to the node is not established yet." }))
        : Effect.succeed({ node, source: node.source })
    }).pipe(
      Effect.retry({ ...connectRetry, while: () => getNode(name)?.failure === undefined })
    )

  return ({ id, node: name }, send) =>
    Effect.gen(function*() {
      const { node, source } = yield* connect(name)
      return yield* send(source, node.cores.toNodeRef(id)).pipe(
        Effect.mapError((problem) => toClusterProblem({ id, node: name }, problem)),
        Effect.timeoutOrElse({
          duration: requestTimeout,
          orElse: () =>
            Effect.fail(
              new NodeTimeout({ node: name, detail: `The node did not answer within ${requestTimeout}.` })
            )
        })
      )
    })
}
