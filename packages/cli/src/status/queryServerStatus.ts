import { CoreSource, type NodeStatus, type Problem } from "@koredump/core"
import { Clock, Effect, Result } from "effect"
import type { CommandError } from "../text/CommandError.ts"
import { toCommandError } from "../text/toCommandError.ts"
import { findNodeIssues, type Issue } from "./nodeIssues.ts"

/** The status of a server (or of this host) that answers. */
export interface ServerStatus {
  /** Response time in milliseconds. */
  readonly millis: number
  /** Undefined if they could not be listed. */
  readonly nodes: ReadonlyArray<NodeStatus> | undefined
  /** Why the nodes could not be listed. Undefined if they were. */
  readonly nodesUnavailableReason: string | undefined
  readonly unreachable: ReadonlyArray<string>
  readonly cores: number
  readonly bytes: number
  readonly issues: ReadonlyArray<Issue>
}

const sumBy = <A>(values: ReadonlyArray<A>, toNumber: (value: A) => number) =>
  values.reduce((sum, value) => sum + toNumber(value), 0)

/** Whether cores can be listed although listing the nodes failed. After other problems, this is not tried. */
const canListCores = (problem: Problem) =>
  problem._tag === "Forbidden" || problem._tag === "RouteNotFound" || problem._tag === "NodeFailed"

/** Requests the status. Fails if the server does not answer. */
export const queryServerStatus = Effect.gen(function*(): Effect.fn.Return<ServerStatus, CommandError, CoreSource> {
  const source = yield* CoreSource
  const started = yield* Clock.currentTimeMillis
  const result = yield* Effect.result(source.nodes)
  const millis = (yield* Clock.currentTimeMillis) - started
  if (Result.isSuccess(result)) {
    const nodes = result.success
    return {
      millis,
      nodes,
      nodesUnavailableReason: undefined,
      unreachable: nodes.filter(({ state }) => state === "unreachable").map(({ name }) => name),
      cores: sumBy(nodes, ({ cores }) => cores),
      bytes: sumBy(nodes, ({ bytes }) => bytes),
      issues: findNodeIssues(nodes)
    }
  }
  const problem = result.failure
  if (!canListCores(problem)) return yield* toCommandError(problem)
  const list = yield* Effect.mapError(source.list({ state: "any" }), toCommandError)
  return {
    millis,
    nodes: undefined,
    nodesUnavailableReason: problem._tag === "Forbidden"
      ? "hidden: you need the permission \"list\" on nodecoredumps"
      : "not available from this server",
    unreachable: list.unreachable,
    cores: list.cores.length,
    bytes: sumBy(list.cores, ({ size }) => size ?? 0),
    issues: list.unreachable.length === 0
      ? []
      : [{
        nodes: list.unreachable,
        description: "unreachable",
        hint: "Their cores are not listed or may be out of date."
      }]
  }
})
