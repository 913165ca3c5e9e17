import { Clock, Duration, Effect, Schedule, Stream } from "effect"
import { NodeTimeout, type Problem } from "../model/Problem.ts"
import type { CoreSource } from "../source/CoreSource.ts"
import type { ClusterNode } from "./ClusterNode.ts"
import { limitText, toNodeFailure } from "./toClusterProblem.ts"

const maxConcurrentRequests = 8
/** After a start, the status of every node is due at the same time. This limit keeps their lists and watches fast. */
const maxRequestsPerSecond = 50
const statusTimeout = Duration.seconds(5)

/** An unfiltered watch omits hidden cores silently. A watch that names a namespace fails if they are hidden. */
const anyNamespace = "default"

/** Why a node is degraded if it rejects requests although its watch works. */
const toDegradedReason = (name: string, problem: Problem): string =>
  problem._tag === "Forbidden"
    ? `Some cores of the node are hidden: ${limitText(problem.message)}`
    : `Requests to the node fail: ${toNodeFailure(name, problem).message}`

/** Requests the status of the node, and checks once whether the node hides cores. */
const requestStatus = Effect.fnUntraced(function*(node: ClusterNode, source: CoreSource["Service"]) {
  const status = Effect.map(source.nodes, (nodes) => {
    const status = nodes.find(({ name }) => name === node.name) ?? nodes[0]
    if (status !== undefined) node.updateStatus(status)
  })
  const watch = Stream.runHead(source.changes({ filter: { namespace: [anyNamespace] } }))
  const problem = yield* (node.showsAllCores ? status : Effect.andThen(status, watch)).pipe(
    Effect.timeoutOrElse({
      duration: statusTimeout,
      orElse: () =>
        Effect.fail(
          new NodeTimeout({ detail: `The node did not answer within ${Duration.toSeconds(statusTimeout)} seconds.` })
        )
    }),
    Effect.flip,
    Effect.orElseSucceed(() => undefined)
  )
  // The node may have another connection by now.
  if (node.source !== source) return
  const reason = problem === undefined ? undefined : toDegradedReason(node.name, problem)
  if (node.setDegradedReason(reason)) {
    yield* Effect.logWarning("Node degraded").pipe(Effect.annotateLogs({ reason }))
  }
})

const updateStatus = (node: ClusterNode) =>
  (node.source === undefined ? Effect.void : requestStatus(node, node.source)).pipe(
    Effect.catchCause((cause) => Effect.logDebug("Node status unavailable", cause)),
    Effect.annotateLogs({ node: node.name })
  )

/** The nodes whose status is due, the longest overdue first. */
export const selectDueNodes = (nodes: Iterable<ClusterNode>, now: number, max: number): ReadonlyArray<ClusterNode> =>
  Array.from(nodes, (node) => ({ node, since: node.statusDueSince(now) }))
    .filter(({ since }) => since !== undefined)
    .toSorted((a, b) => a.since! - b.since!)
    .slice(0, max)
    .map(({ node }) => node)

const everySecond = <E>(effect: Effect.Effect<void, E>) => Effect.repeat(effect, Schedule.spaced("1 second"))

/**
 * Disconnects nodes that send nothing, and requests the status of each node once a minute. One fiber for all nodes: there
 * may be thousands. Never ends.
 */
export const monitorNodes = (nodes: () => Iterable<ClusterNode>): Effect.Effect<void> => {
  const disconnectSilentNodes = Effect.map(Clock.currentTimeMillis, (now) => {
    for (const node of nodes()) if (node.isTimedOut(now)) node.disconnect()
  })
  const updateDueNodes = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const due = selectDueNodes(nodes(), now, maxRequestsPerSecond)
    for (const node of due) node.onStatusRequested(now)
    yield* Effect.forEach(due, updateStatus, { concurrency: maxConcurrentRequests, discard: true })
  })
  return Effect.asVoid(Effect.all([everySecond(disconnectSilentNodes), everySecond(updateDueNodes)], {
    concurrency: 2
  }))
}
