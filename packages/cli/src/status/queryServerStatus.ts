/** How things stand with a koredump: what `status` shows, gathered from any source. */
import { CoreSource, type NodeStatus, type Problem } from "@koredump/core"
import { Clock, Effect, Result } from "effect"
import { type Failure, fromProblem } from "../text/CommandError.ts"
import { type CorePatternSupport, corePatternSupport } from "./checkCorePattern.ts"
import { type Trouble, troublesOf } from "./nodeIssues.ts"

/** What is known where the server answered. */
export interface Known {
  /** Milliseconds until it answered. */
  readonly millis: number
  /** Undefined where this caller is not shown the nodes, or the server knows none. */
  readonly nodes: ReadonlyArray<NodeStatus> | undefined
  /** Why there are no nodes to show. */
  readonly nodesLacking: string | undefined
  /** Nodes that cannot be reached. */
  readonly unreachable: ReadonlyArray<string>
  readonly cores: number
  readonly bytes: number
  readonly troubles: ReadonlyArray<Trouble>
}

const sum = <A>(values: ReadonlyArray<A>, of: (value: A) => number) =>
  values.reduce((total, value) => total + of(value), 0)

// Servers that do not show their nodes may show cores. Of those that do not answer nothing more is asked.
const mayHaveCores = (problem: Problem) =>
  problem._tag === "Forbidden" || problem._tag === "RouteNotFound" || problem._tag === "NodeFailed"

/** Asks the source; fails where it does not answer. */
export const gatherStatus = Effect.gen(function*(): Effect.fn.Return<Known, Failure, CoreSource> {
  const source = yield* CoreSource
  const started = yield* Clock.currentTimeMillis
  const nodes = yield* Effect.result(source.nodes)
  const millis = (yield* Clock.currentTimeMillis) - started
  if (Result.isSuccess(nodes)) {
    const { success } = nodes
    return {
      millis,
      nodes: success,
      nodesLacking: undefined,
      unreachable: success.filter(({ state }) => state === "unreachable").map(({ name }) => name),
      cores: sum(success, ({ cores }) => cores),
      bytes: sum(success, ({ bytes }) => bytes),
      troubles: troublesOf(success)
    }
  }
  const { failure } = nodes
  if (!mayHaveCores(failure)) return yield* fromProblem(failure)
  const list = yield* Effect.mapError(source.list({ state: "any" }), fromProblem)
  return {
    millis,
    nodes: undefined,
    nodesLacking: failure._tag === "Forbidden"
      ? "not shown to you: that takes the right to list nodecoredumps"
      : "not told by this server",
    unreachable: list.unreachable,
    cores: list.cores.length,
    bytes: sum(list.cores, ({ size }) => size ?? 0),
    troubles: list.unreachable.length === 0
      ? []
      : [{
        nodes: list.unreachable,
        what: "unreachable",
        advice: "Their cores are missing here or may be out of date."
      }]
  }
})

/** How many there are of each, the most first. */
export const tally = (values: ReadonlyArray<string>): ReadonlyArray<readonly [string, number]> => {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].toSorted((a, b) => b[1] - a[1])
}

/** Whether a node's core pattern is supported; undefined where the node does not tell it. */
export const supportOf = ({ corePattern }: NodeStatus): CorePatternSupport | undefined =>
  corePattern === undefined ? undefined : corePatternSupport(corePattern)
