import { Clock, Effect, Exit, Scope, Stream } from "effect"
import type { CoreEvent } from "../model/CoreEvent.ts"
import type { Problem } from "../model/Problem.ts"
import type { CoreSource } from "../source/CoreSource.ts"
import type { ClusterNode } from "./ClusterNode.ts"
import type { NodeConnector } from "./NodeConnector.ts"

/**
 * Connects to the node on first use, and keeps the connection until the scope ends: a watch that fails must not end the
 * downloads on the same connection.
 */
export const makeConnect = (node: ClusterNode, connector: NodeConnector["Service"], scope: Scope.Scope) => {
  let source: CoreSource["Service"] | undefined
  const connect = Effect.suspend(() => {
    const attempt = Scope.forkUnsafe(scope)
    return connector.connect(node.address).pipe(
      Scope.provide(attempt),
      Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(attempt, exit))
    )
  })
  return Effect.gen(function*() {
    source ??= yield* connect
    node.source = source
    return source
  })
}

const watchOnce = (node: ClusterNode, source: CoreSource["Service"]): Stream.Stream<CoreEvent, Problem> =>
  Stream.unwrap(Effect.map(Clock.currentTimeMillis, (now) => {
    node.cores.beginWatch()
    const { since } = node.cores
    if (since === undefined) node.markSyncing(now)
    return source.changes({ filter: { state: "any" }, ...(since === undefined ? {} : { since }) })
  }))

/** Watches all cores of the node. An expired resource version is no failure: the watch restarts with a replay. */
export const watchNode = (node: ClusterNode, source: CoreSource["Service"]): Stream.Stream<CoreEvent, Problem> =>
  Stream.catchTag(watchOnce(node, source), "ResourceVersionExpired", (problem) => {
    if (node.cores.since === undefined) return Stream.fail(problem)
    node.cores.expireVersion()
    return watchOnce(node, source)
  })
