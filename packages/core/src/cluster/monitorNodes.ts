/** What is done for all nodes together, so that none needs a fiber for it: silence is noticed, facts are asked for. */
import { Clock, Effect, Schedule, Stream } from "effect"
import { NodeTimeout, type Problem } from "../model/Problem.ts"
import type { CoreSource } from "../source/CoreSource.ts"
import type { ClusterNode } from "./ClusterNode.ts"
import { bounded, toNodeFailure } from "./toClusterProblem.ts"

const askingAtOnce = 8
/** After a start all nodes are due at once: what is asked of them holds up nobody's list. */
const askedEachSecond = 50
const factsTimeout = "5 seconds"

/** What may not be seen is left out of a watch in silence, but where a namespace is named. */
const anyNamespace = "default"

/** What it means that a node does not answer one who follows its watch: its token, its rights, or the node itself. */
const lackOf = (name: string, problem: Problem): string =>
  problem._tag === "Forbidden"
    ? `not all cores of the node are shown: ${bounded(problem.message)}`
    : `requests to the node fail: ${toNodeFailure(name, problem).message}`

const learnFrom = Effect.fnUntraced(function*(node: ClusterNode, source: CoreSource["Service"]) {
  const status = Effect.map(source.nodes, (nodes) => {
    const status = nodes.find(({ name }) => name === node.name) ?? nodes[0]
    if (status !== undefined) node.learn(status)
  })
  const watch = Stream.runHead(source.changes({ filter: { namespace: [anyNamespace] } }))
  const problem = yield* (node.isAllShown ? status : Effect.andThen(status, watch)).pipe(
    Effect.timeoutOrElse({
      duration: factsTimeout,
      orElse: () => Effect.fail(new NodeTimeout({ detail: `There was no answer within ${factsTimeout}.` }))
    }),
    Effect.flip,
    Effect.orElseSucceed(() => undefined)
  )
  const what = problem === undefined ? undefined : lackOf(node.name, problem)
  if (node.source === source && node.lacks(what)) yield* Effect.logWarning("Not all of a node is to be had", what)
})

const learn = (node: ClusterNode) =>
  (node.source === undefined ? Effect.void : learnFrom(node, node.source)).pipe(
    Effect.catchCause((cause) => Effect.logDebug("A node does not tell of itself", cause)),
    Effect.annotateLogs({ node: node.name })
  )

const everySecond = <E>(effect: Effect.Effect<void, E>) => Effect.repeat(effect, Schedule.spaced("1 second"))

/** Tends the nodes, those of the moment each time. Never ends. */
export const monitorNodes = (nodes: () => Iterable<ClusterNode>): Effect.Effect<void> => {
  const noticeSilence = Effect.map(Clock.currentTimeMillis, (now) => {
    for (const node of nodes()) if (node.isSilent(now)) node.giveUp()
  })
  const askForFacts = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const due = Array.from(nodes(), (node) => ({ node, since: node.factsDue(now) }))
      .filter(({ since }) => since !== undefined)
      .toSorted((a, b) => a.since! - b.since!)
      .slice(0, askedEachSecond)
      .map(({ node }) => node)
    for (const node of due) node.askedForFacts(now)
    yield* Effect.forEach(due, learn, { concurrency: askingAtOnce, discard: true })
  })
  return Effect.asVoid(Effect.all([everySecond(noticeSilence), everySecond(askForFacts)], { concurrency: 2 }))
}
