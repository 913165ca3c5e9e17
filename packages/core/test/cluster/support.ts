/** What the tests of a cluster's source share. */
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

export const content = new TextEncoder().encode("core")

export const layerCluster = (names?: ReadonlyArray<string>, options?: Parameters<typeof layerClusterCoreSource>[0]) =>
  layerClusterCoreSource(options).pipe(
    Layer.provideMerge(layerFakeNodes(names)),
    Layer.merge(Layer.succeed(References.MinimumLogLevel, "None"))
  )

/** Lets everything happen that needs no more time than this. */
export const pass = (time: Parameters<typeof TestClock.adjust>[0] = "10 millis") =>
  Effect.andThen(settle, Effect.andThen(TestClock.adjust(time), settle))

// Other fibers' turns.
const settle = Effect.repeat(Effect.yieldNow, { times: 100 })

export const list = CoreSource.use((source) => source.list({ state: "any" }))
export const pids = Effect.map(list, ({ cores }) => cores.map((core) => core.COREDUMP_PID))
export const unreachable = Effect.map(list, (list) => list.unreachable)

/** How things stand with a node. */
export const node = (name: string) =>
  CoreSource.use(({ nodes }) => Effect.map(nodes, (all) => all.find((status) => status.name === name)))
export const state = (name: string) => Effect.map(node(name), (status) => status?.state)

export const waiting = ClusterReadiness.use(({ waiting }) => waiting)

/** A core crashes on a node. */
export const crash = (name: string, pid: number, fields: Readonly<Record<string, unknown>> = {}) =>
  Effect.gen(function*() {
    const cores = yield* FakeNodes.use((nodes) => nodes.cores(name))
    return yield* cores.put({ node: name, pid, content, fields })
  })

export const tagOf = <A, R>(effect: Effect.Effect<A, Problem, R>) =>
  effect.pipe(Effect.flip, Effect.map((problem) => problem._tag), Effect.orElseSucceed(() => "no failure"))

/** What a watcher is told from now on, without heartbeats. */
export const watching = Effect.gen(function*() {
  const source = yield* CoreSource
  const { resourceVersion } = yield* list
  const told: Array<string> = []
  yield* source.changes({ since: resourceVersion, filter: { state: "any" } }).pipe(
    Stream.runForEach((event) =>
      Effect.sync(() => {
        if (event.type !== "BOOKMARK") told.push(`${event.type} ${event.object.COREDUMP_PID}`)
      })
    ),
    Effect.forkScoped({ startImmediately: true })
  )
  return told
})

/** A core as a node tells it. */
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
export const deleted = (pid: number): CoreEvent => ({ type: "DELETED", object: summary(pid) })
export const bookmark = (resourceVersion: string): CoreEvent => ({ type: "BOOKMARK", object: { resourceVersion } })

/** A node's source whose watch tells this. */
export const telling = (events: Stream.Stream<CoreEvent, Problem>, more: Partial<CoreSource["Service"]> = {}) =>
  ({ nodes: Effect.succeed([]), changes: () => events, ...more }) as CoreSource["Service"]
