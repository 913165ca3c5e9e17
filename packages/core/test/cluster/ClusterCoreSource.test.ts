import { assert, describe, it } from "@effect/vitest"
import {
  ClusterReadiness,
  CoreSource,
  Forbidden,
  layerClusterCoreSource,
  NodeDirectory,
  NodeFailed,
  NotReady,
  Unauthorized
} from "@koredump/core"
import { FakeNodes, layerFakeNodes } from "@koredump/core/testing"
import { Effect, Fiber, Layer, Stream } from "effect"
import {
  advance,
  content,
  crash,
  failureTag,
  layerCluster,
  list,
  nodeState,
  nodeStatus,
  pids,
  recordEvents,
  unreachable,
  waiting
} from "./support.ts"

describe("readiness", () => {
  it.effect("is not ready before the nodes are discovered", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      yield* advance()
      assert.strictEqual(yield* failureTag(list), "NotReady")
      assert.strictEqual(yield* failureTag(source.nodes), "NotReady")
      assert.strictEqual(yield* failureTag(Stream.runHead(source.changes())), "NotReady")
      assert.match((yield* waiting)!, /^Nodes not discovered yet$/)
      yield* FakeNodes.use((nodes) => nodes.add("node-1"))
      yield* advance()
      assert.deepStrictEqual(yield* unreachable, [])
      assert.isUndefined(yield* waiting)
    }).pipe(Effect.provide(layerCluster())))

  it.effect("explains why the nodes are not discovered", () =>
    Effect.gen(function*() {
      const { detail } = yield* Effect.flip(list)
      assert.strictEqual(detail, "The nodes of the cluster are not discovered yet: cannot list pods")
    }).pipe(Effect.provide(
      layerClusterCoreSource().pipe(
        Layer.provide([
          layerFakeNodes(),
          Layer.succeed(NodeDirectory, {
            nodes: Stream.never,
            degradedReason: Effect.succeed("cannot list pods")
          })
        ])
      )
    )))

  it.effect("is ready without nodes", () =>
    Effect.gen(function*() {
      yield* advance()
      yield* ClusterReadiness.use(({ ready }) => ready)
      assert.deepStrictEqual(yield* pids, [])
    }).pipe(Effect.provide(layerCluster([]))))

  it.effect("is ready when every node has answered or failed once, and stays ready", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* nodes.hang("node-2")
      yield* nodes.fail("node-3", new NotReady())
      yield* advance("14 seconds")
      assert.strictEqual(yield* waiting, "1 of 3 nodes have not answered yet")
      assert.deepStrictEqual(yield* unreachable, ["node-2", "node-3"])
      assert.deepStrictEqual(
        [yield* nodeState("node-1"), yield* nodeState("node-2"), yield* nodeState("node-3")],
        ["ready", "syncing", "unreachable"]
      )
      yield* advance("2 seconds")
      assert.isUndefined(yield* waiting)
      yield* nodes.add("node-4")
      yield* nodes.hang("node-4")
      yield* advance()
      assert.strictEqual(yield* nodeState("node-4"), "syncing")
      assert.isUndefined(yield* waiting)
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2", "node-3"]))))

  it.effect("does not wait for a node that is added later", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* nodes.hang("node-1")
      yield* advance()
      yield* nodes.add("node-2")
      yield* nodes.hang("node-2")
      yield* advance()
      assert.strictEqual(yield* waiting, "1 of 2 nodes have not answered yet")
      yield* nodes.resume("node-1")
      yield* advance()
      assert.isUndefined(yield* waiting)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("does not wait for a node that is removed before it has answered", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* nodes.hang("node-1")
      yield* advance()
      assert.isDefined(yield* waiting)
      yield* nodes.remove("node-1")
      yield* advance()
      assert.isUndefined(yield* waiting)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))
})

describe("nodes of a cluster", () => {
  it.effect("are merged into one list with resource versions of the cluster, without a request to a node", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 2)
      yield* crash("node-2", 1)
      yield* advance()
      yield* crash("node-2", 3)
      yield* advance()
      const { cores, resourceVersion } = yield* list
      assert.deepStrictEqual(cores.map((core) => [core.node, core.COREDUMP_PID]), [
        ["node-1", 2],
        ["node-2", 1],
        ["node-2", 3]
      ])
      const epoch = resourceVersion.split("-")[0]
      assert.deepStrictEqual(cores.map((core) => core.resourceVersion.split("-")[0]), [epoch, epoch, epoch])
      for (let i = 0; i < 10; i++) yield* list
      yield* advance("2 seconds")
      const requests = yield* nodes.requests
      // The watch, the status, and the check for hidden cores.
      const once = ["node-1 changes", "node-2 changes", "node-1 nodes", "node-2 nodes"]
      assert.sameMembers([...requests], [...once, "node-1 changes", "node-2 changes"])
      yield* advance("1 minute")
      assert.sameMembers([...yield* nodes.requests].slice(requests.length), ["node-1 nodes", "node-2 nodes"])
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("receive status requests at a limited rate, each node once", () =>
    Effect.gen(function*() {
      const requests = Effect.map(
        FakeNodes.use((nodes) => nodes.requests),
        (all) => all.filter((request) => request.endsWith(" nodes"))
      )
      let before = 0
      for (let second = 0; second < 5; second++) {
        yield* advance("1 second")
        const { length } = yield* requests
        assert.isAtMost(length - before, 50)
        before = length
      }
      assert.strictEqual(new Set(yield* requests).size, 120)
      assert.strictEqual(before, 120)
    }).pipe(Effect.provide(layerCluster(Array.from({ length: 120 }, (_, i) => `node-${i}`)))))

  it.effect("stay ready while they send only heartbeats", () =>
    Effect.gen(function*() {
      yield* advance("10 minutes")
      const status = yield* nodeStatus("node-1")
      assert.strictEqual(status?.state, "ready")
      assert.strictEqual(status?.since, "2026-01-01T00:00:00Z")
      assert.isAbove(Date.parse(status!.lastContact!), 10 * 60_000 - 6000)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node that hangs is unreachable after 15 seconds, keeps its cores, and recovers", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* crash("node-2", 2)
      yield* advance()
      const events = yield* recordEvents
      yield* nodes.hang("node-1")
      yield* advance("12 seconds")
      assert.deepStrictEqual(yield* unreachable, [])
      yield* advance("8 seconds")
      assert.deepStrictEqual(yield* unreachable, ["node-1"])
      assert.deepStrictEqual((yield* source.list({ node: ["node-2"] })).unreachable, [])
      assert.deepStrictEqual(yield* pids, [1, 2])
      assert.match((yield* nodeStatus("node-1"))!.lastError!, /^The node sent nothing for 15 seconds\.$/)
      assert.strictEqual(yield* failureTag(source.get(ref)), "NodeTimeout")
      assert.strictEqual(yield* failureTag(Effect.scoped(source.open(ref))), "NodeTimeout")
      yield* crash("node-2", 3)
      yield* nodes.resume("node-1")
      yield* crash("node-1", 4)
      yield* advance("30 seconds")
      assert.deepStrictEqual(yield* unreachable, [])
      assert.isUndefined((yield* nodeStatus("node-1"))!.lastError)
      assert.deepStrictEqual(events, ["ADDED 3", "ADDED 4"])
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("a running request fails with a timeout when the node starts to hang", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* advance()
      yield* nodes.hang("node-1")
      const fiber = yield* Effect.forkChild(failureTag(source.get(ref)), { startImmediately: true })
      yield* advance("31 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "NodeTimeout")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect.each([new Unauthorized(), new Forbidden(), new NodeFailed({ detail: "Gone." })])(
    "a node that rejects requests is retried without end: $_tag",
    (problem) =>
      Effect.gen(function*() {
        const nodes = yield* FakeNodes
        yield* crash("node-1", 1)
        yield* nodes.fail("node-1", problem)
        yield* advance("1 hour")
        assert.strictEqual(yield* nodeState("node-1"), "unreachable")
        assert.deepStrictEqual(yield* pids, [])
        const attempts = (yield* nodes.requests).length
        assert.isAbove(attempts, 3600 / 13)
        assert.isBelow(attempts, 3600 / 7)
        yield* nodes.heal("node-1")
        yield* advance("15 seconds")
        assert.strictEqual(yield* nodeState("node-1"), "ready")
        assert.deepStrictEqual(yield* pids, [1])
      }).pipe(Effect.provide(layerCluster(["node-1"])))
  )

  it.effect("a restarted node causes events for the differences only", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      for (const pid of [1, 2, 3]) yield* crash("node-1", pid)
      yield* crash("node-2", 9)
      yield* advance()
      const events = yield* recordEvents
      yield* nodes.restart("node-1", [
        { pid: 1, content },
        { pid: 3, content, fields: { title: "SIGSEGV in x" } },
        { pid: 4, content }
      ])
      yield* advance("2 seconds")
      assert.sameMembers(events, ["DELETED 2", "MODIFIED 3", "ADDED 4"])
      assert.deepStrictEqual(yield* pids, [1, 3, 4, 9])
      assert.deepStrictEqual(yield* unreachable, [])
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("a node with a new address keeps its cores and sends new ones", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 1)
      yield* advance()
      const events = yield* recordEvents
      yield* nodes.move("node-1")
      yield* advance()
      yield* crash("node-1", 2)
      yield* advance()
      const status = yield* nodeStatus("node-1")
      assert.deepStrictEqual([status?.state, status?.address, status?.lastError], [
        "ready",
        "fake://node-1/2",
        undefined
      ])
      assert.deepStrictEqual(events, ["ADDED 2"])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node with a new address stays ready and answers requests", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* advance()
      yield* nodes.hang("node-1")
      yield* nodes.move("node-1")
      yield* advance("12 seconds")
      // The new node agent has sent nothing yet.
      assert.deepStrictEqual([yield* nodeState("node-1"), yield* unreachable], ["ready", []])
      yield* nodes.resume("node-1")
      yield* nodes.move("node-1")
      const request = yield* Effect.forkChild(source.get(ref), { startImmediately: true })
      yield* advance("1 second")
      assert.strictEqual((yield* Fiber.join(request)).id, ref.id)
      assert.deepStrictEqual([yield* nodeState("node-1"), yield* unreachable], ["ready", []])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node whose new address sends nothing is unreachable after 15 seconds", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* advance()
      yield* nodes.hang("node-1")
      yield* nodes.move("node-1")
      yield* advance("17 seconds")
      assert.deepStrictEqual([yield* nodeState("node-1"), yield* unreachable], ["unreachable", ["node-1"]])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a removed node is unreachable for 5 minutes, then its cores are deleted", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* crash("node-2", 2)
      yield* advance()
      const events = yield* recordEvents
      yield* nodes.remove("node-1")
      yield* advance("4 minutes")
      assert.deepStrictEqual(yield* unreachable, ["node-1"])
      assert.deepStrictEqual(yield* pids, [1, 2])
      assert.strictEqual(yield* failureTag(source.get(ref)), "NodeFailed")
      yield* advance("61 seconds")
      assert.deepStrictEqual(events, ["DELETED 1"])
      assert.deepStrictEqual(yield* unreachable, [])
      assert.isUndefined(yield* nodeStatus("node-1"))
      assert.strictEqual(yield* failureTag(source.get(ref)), "CoreNotFound")
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("a node that comes back within 5 minutes causes no events for cores it had before", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 1)
      yield* advance()
      const events = yield* recordEvents
      yield* nodes.remove("node-1")
      yield* advance("4 minutes")
      yield* crash("node-1", 2)
      yield* nodes.add("node-1")
      yield* advance("10 minutes")
      assert.deepStrictEqual(events, ["ADDED 2"])
      assert.strictEqual(yield* nodeState("node-1"), "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("a node that comes back later has its cores added again", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 1)
      yield* advance()
      const events = yield* recordEvents
      yield* nodes.remove("node-1")
      yield* advance("6 minutes")
      yield* nodes.add("node-1")
      yield* advance()
      assert.deepStrictEqual(events, ["DELETED 1", "ADDED 1"])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("many nodes that hang do not delay the others", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      for (let i = 0; i < 200; i++) yield* nodes.add(`node-${i}`)
      for (let i = 0; i < 100; i++) yield* nodes.hang(`node-${i}`)
      yield* advance("5 seconds")
      const statuses = yield* CoreSource.use(({ nodes }) => nodes)
      assert.strictEqual(statuses.filter((status) => status.state === "ready").length, 100)
    }).pipe(Effect.provide(layerCluster(undefined, { maxSyncing: 32 }))))
})
