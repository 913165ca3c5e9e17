/** Helpers for the tests of a cluster source. */
import {
  ClusterReadiness,
  type CoreEvent,
  CoreSource,
  type CoreSummary,
  layerClusterCoreSource,
  type Problem
} from "@koredump/core"
import { FakeNodes, layerFakeNodes } from "@koredump/core/testing"
import { Effect, Layer, References, Stream } from "effect"
import { TestClock } from "effect/testing"
import { layerIdle, whenIdle } from "../support/whenIdle.ts"

export const content = new TextEncoder().encode("core")

/** A cluster of scripted nodes, without a log. */
export const layerCluster = (names?: ReadonlyArray<string>, options?: Parameters<typeof layerClusterCoreSource>[0]) =>
  layerClusterCoreSource(options).pipe(
    Layer.provideMerge(layerFakeNodes(names)),
    Layer.provideMerge(layerIdle),
    Layer.merge(Layer.succeed(References.MinimumLogLevel, "None"))
  )

/** Waits until everything has happened that can happen in this time. */
export const advance = (time: Parameters<typeof TestClock.adjust>[0] = "10 millis") =>
  whenIdle.pipe(Effect.andThen(TestClock.adjust(time)), Effect.andThen(whenIdle))

export const list = CoreSource.use((source) => source.list({ state: "any" }))
export const pids = Effect.map(list, ({ cores }) => cores.map((core) => core.COREDUMP_PID))
export const unreachable = Effect.map(list, (list) => list.unreachable)

/** The status of a node. */
export const nodeStatus = (name: string) =>
  CoreSource.use(({ nodes }) => Effect.map(nodes, (all) => all.find((status) => status.name === name)))
export const nodeState = (name: string) => Effect.map(nodeStatus(name), (status) => status?.state)

export const waiting = ClusterReadiness.use(({ waiting }) => waiting)

/** A core crashes on a node. */
export const crash = (name: string, pid: number, fields: Readonly<Record<string, unknown>> = {}) =>
  Effect.gen(function*() {
    const cores = yield* FakeNodes.use((nodes) => nodes.cores(name))
    return yield* cores.put({ node: name, pid, content, fields })
  })

export const failureTag = <A, R>(effect: Effect.Effect<A, Problem, R>) =>
  effect.pipe(Effect.flip, Effect.map((problem) => problem._tag), Effect.orElseSucceed(() => "no failure"))

/** Records the events of a watch from now on, without heartbeats. */
export const recordEvents = Effect.gen(function*() {
  const source = yield* CoreSource
  const { resourceVersion } = yield* list
  const events: Array<string> = []
  yield* source.changes({ since: resourceVersion, filter: { state: "any" } }).pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event.type !== "BOOKMARK") events.push(`${event.type} ${event.object.COREDUMP_PID}`)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return events
})

/** A core summary as a node sends it. */
export const summary = (pid: number, fields: Readonly<Record<string, unknown>> = {}): CoreSummary => ({
  id: `core.crashme.0.0123456789abcdef0123456789abcdef.${pid}.1700000000000000` as CoreSummary["id"],
  node: "node-1",
  state: "present",
  compression: "none",
  COREDUMP_TIMESTAMP: new Date(1_700_000_000_000 + pid * 1000).toISOString(),
  COREDUMP_PID: pid,
  resourceVersion: `node-${pid}`,
  ...fields as Record<string, never>
})

export const added = (...args: Parameters<typeof summary>): CoreEvent => ({ type: "ADDED", object: summary(...args) })
export const bookmark = (resourceVersion: string): CoreEvent => ({ type: "BOOKMARK", object: { resourceVersion } })

/** A node's source whose watch sends these events. */
export const makeNode = (events: Stream.Stream<CoreEvent, Problem>, more: Partial<CoreSource["Service"]> = {}) =>
  ({ nodes: Effect.succeed([]), changes: () => events, ...more }) as CoreSource["Service"]
