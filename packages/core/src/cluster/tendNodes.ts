/** What is done for all nodes together, so that none needs a fiber for it: silence is noticed, facts are asked for. */
import { Clock, Effect, Schedule } from "effect"
import type { ClusterNode } from "./ClusterNode.ts"

const askingAtOnce = 16
const factsTimeout = "5 seconds"

const learn = (node: ClusterNode) =>
  Effect.suspend(() => node.source?.nodes ?? Effect.succeed([])).pipe(
    Effect.timeout(factsTimeout),
    Effect.map((nodes) => nodes.find(({ name }) => name === node.name) ?? nodes[0]),
    Effect.tap((status) => Effect.sync(() => status === undefined || node.learn(status))),
    Effect.catchCause((cause) => Effect.logDebug("A node does not tell of itself", cause)),
    Effect.annotateLogs({ node: node.name })
  )

const everySecond = <E>(effect: Effect.Effect<void, E>) => Effect.repeat(effect, Schedule.spaced("1 second"))

/** Tends the nodes, those of the moment each time. Never ends. */
export const tendNodes = (nodes: () => Iterable<ClusterNode>): Effect.Effect<void> => {
  const noticeSilence = Effect.map(Clock.currentTimeMillis, (now) => {
    for (const node of nodes()) if (node.isSilent(now)) node.giveUp()
  })
  const askForFacts = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    const due = [...nodes()].filter((node) => node.areFactsDue(now))
    for (const node of due) node.askedForFacts(now)
    yield* Effect.forEach(due, learn, { concurrency: askingAtOnce, discard: true })
  })
  return Effect.asVoid(Effect.all([everySecond(noticeSilence), everySecond(askForFacts)], { concurrency: 2 }))
}
