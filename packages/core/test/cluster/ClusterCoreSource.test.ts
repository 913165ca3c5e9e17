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
  content,
  crash,
  layerCluster,
  list,
  node,
  pass,
  pids,
  state,
  tagOf,
  unreachable,
  waiting,
  watching
} from "./support.ts"

describe("a cluster's readiness", () => {
  it.effect("is not there before the directory has told of the nodes", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      yield* pass()
      assert.strictEqual(yield* tagOf(list), "NotReady")
      assert.strictEqual(yield* tagOf(source.nodes), "NotReady")
      assert.strictEqual(yield* tagOf(Stream.runHead(source.changes())), "NotReady")
      assert.match((yield* waiting)!, /not known/)
      yield* FakeNodes.use((nodes) => nodes.add("node-1"))
      yield* pass()
      assert.deepStrictEqual(yield* unreachable, [])
      assert.isUndefined(yield* waiting)
    }).pipe(Effect.provide(layerCluster())))

  it.effect("without a directory says why", () =>
    Effect.gen(function*() {
      const { detail } = yield* Effect.flip(list)
      assert.strictEqual(detail, "The cluster's nodes are not known yet: pods may not be listed")
    }).pipe(Effect.provide(
      layerClusterCoreSource().pipe(
        Layer.provide([
          layerFakeNodes(),
          Layer.succeed(NodeDirectory, {
            nodes: Stream.never,
            degradedReason: Effect.succeed("pods may not be listed")
          })
        ])
      )
    )))

  it.effect("a cluster without nodes is ready", () =>
    Effect.gen(function*() {
      yield* pass()
      yield* ClusterReadiness.use(({ ready }) => ready)
      assert.deepStrictEqual(yield* pids, [])
    }).pipe(Effect.provide(layerCluster([]))))

  it.effect("comes when each node has answered or failed once, and never goes", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* nodes.hang("node-2")
      yield* nodes.fail("node-3", new NotReady())
      yield* pass("14 seconds")
      assert.strictEqual(yield* waiting, "1 of 3 nodes have not answered yet")
      assert.deepStrictEqual(yield* unreachable, ["node-2", "node-3"])
      assert.deepStrictEqual(
        [yield* state("node-1"), yield* state("node-2"), yield* state("node-3")],
        ["ready", "syncing", "unreachable"]
      )
      yield* pass("2 seconds")
      assert.isUndefined(yield* waiting)
      yield* nodes.add("node-4")
      yield* nodes.hang("node-4")
      yield* pass()
      assert.strictEqual(yield* state("node-4"), "syncing")
      assert.isUndefined(yield* waiting)
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2", "node-3"]))))

  it.effect("does not wait for a node that goes before it has answered", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* nodes.hang("node-1")
      yield* pass()
      assert.isDefined(yield* waiting)
      yield* nodes.remove("node-1")
      yield* pass()
      assert.isUndefined(yield* waiting)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))
})

describe("a cluster's nodes", () => {
  it.effect("are one list, with the cluster's versions; no list asks a node", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 2)
      yield* crash("node-2", 1)
      yield* pass()
      yield* crash("node-2", 3)
      yield* pass()
      const { cores, resourceVersion } = yield* list
      assert.deepStrictEqual(cores.map((core) => [core.node, core.COREDUMP_PID]), [
        ["node-1", 2],
        ["node-2", 1],
        ["node-2", 3]
      ])
      const epoch = resourceVersion.split("-")[0]
      assert.deepStrictEqual(cores.map((core) => core.resourceVersion.split("-")[0]), [epoch, epoch, epoch])
      for (let i = 0; i < 10; i++) yield* list
      yield* pass("2 seconds")
      const asked = yield* nodes.asked
      // The watch, what it tells of itself, and whether it tells all.
      const once = ["node-1 changes", "node-2 changes", "node-1 nodes", "node-2 nodes"]
      assert.sameMembers([...asked], [...once, "node-1 changes", "node-2 changes"])
      yield* pass("1 minute")
      assert.sameMembers([...yield* nodes.asked].slice(asked.length), ["node-1 nodes", "node-2 nodes"])
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("are asked for what they say of themselves some at a time, each in its turn", () =>
    Effect.gen(function*() {
      const asked = Effect.map(
        FakeNodes.use((nodes) => nodes.asked),
        (all) => all.filter((what) => what.endsWith(" nodes"))
      )
      let before = 0
      for (let second = 0; second < 5; second++) {
        yield* pass("1 second")
        const { length } = yield* asked
        assert.isAtMost(length - before, 50)
        before = length
      }
      assert.strictEqual(new Set(yield* asked).size, 120)
      assert.strictEqual(before, 120)
    }).pipe(Effect.provide(layerCluster(Array.from({ length: 120 }, (_, i) => `node-${i}`)))))

  it.effect("stay ready while nothing but heartbeats comes", () =>
    Effect.gen(function*() {
      yield* pass("10 minutes")
      const status = yield* node("node-1")
      assert.strictEqual(status?.state, "ready")
      assert.strictEqual(status?.since, "1970-01-01T00:00:00Z")
      assert.isAbove(Date.parse(status!.lastContact!), 10 * 60_000 - 6000)
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that hangs is unreachable after 15 seconds, with the cores it had, and comes back", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* crash("node-2", 2)
      yield* pass()
      const told = yield* watching
      yield* nodes.hang("node-1")
      yield* pass("12 seconds")
      assert.deepStrictEqual(yield* unreachable, [])
      yield* pass("8 seconds")
      assert.deepStrictEqual(yield* unreachable, ["node-1"])
      assert.deepStrictEqual((yield* source.list({ node: ["node-2"] })).unreachable, [])
      assert.deepStrictEqual(yield* pids, [1, 2])
      assert.match((yield* node("node-1"))!.lastError!, /silent for 15 seconds/)
      assert.strictEqual(yield* tagOf(source.get(ref)), "NodeTimeout")
      assert.strictEqual(yield* tagOf(Effect.scoped(source.open(ref))), "NodeTimeout")
      yield* crash("node-2", 3)
      yield* nodes.resume("node-1")
      yield* crash("node-1", 4)
      yield* pass("30 seconds")
      assert.deepStrictEqual(yield* unreachable, [])
      assert.isUndefined((yield* node("node-1"))!.lastError)
      assert.deepStrictEqual(told, ["ADDED 3", "ADDED 4"])
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("a request that runs when its node begins to hang fails with a time-out", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* pass()
      yield* nodes.hang("node-1")
      const fiber = yield* Effect.forkChild(tagOf(source.get(ref)), { startImmediately: true })
      yield* pass("31 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), "NodeTimeout")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect.each([new Unauthorized(), new Forbidden(), new NodeFailed({ detail: "Gone." })])(
    "one that refuses is tried again for ever: $_tag",
    (problem) =>
      Effect.gen(function*() {
        const nodes = yield* FakeNodes
        yield* crash("node-1", 1)
        yield* nodes.fail("node-1", problem)
        yield* pass("1 hour")
        assert.strictEqual(yield* state("node-1"), "unreachable")
        assert.deepStrictEqual(yield* pids, [])
        const tries = (yield* nodes.asked).length
        assert.isAbove(tries, 3600 / 13)
        assert.isBelow(tries, 3600 / 7)
        yield* nodes.heal("node-1")
        yield* pass("15 seconds")
        assert.strictEqual(yield* state("node-1"), "ready")
        assert.deepStrictEqual(yield* pids, [1])
      }).pipe(Effect.provide(layerCluster(["node-1"])))
  )

  it.effect("of one that was restarted only the difference is told", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      for (const pid of [1, 2, 3]) yield* crash("node-1", pid)
      yield* crash("node-2", 9)
      yield* pass()
      const told = yield* watching
      yield* nodes.restart("node-1", [
        { pid: 1, content },
        { pid: 3, content, fields: { title: "SIGSEGV in x" } },
        { pid: 4, content }
      ])
      yield* pass("2 seconds")
      assert.sameMembers(told, ["DELETED 2", "MODIFIED 3", "ADDED 4"])
      assert.deepStrictEqual(yield* pids, [1, 3, 4, 9])
      assert.deepStrictEqual(yield* unreachable, [])
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("one that moves keeps its cores, and tells what is new", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 1)
      yield* pass()
      const told = yield* watching
      yield* nodes.move("node-1")
      yield* pass()
      yield* crash("node-1", 2)
      yield* pass()
      const status = yield* node("node-1")
      assert.deepStrictEqual([status?.state, status?.address, status?.lastError], [
        "ready",
        "fake://node-1/2",
        undefined
      ])
      assert.deepStrictEqual(told, ["ADDED 2"])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that moves is ready all the time, and answers requests", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* pass()
      yield* nodes.hang("node-1")
      yield* nodes.move("node-1")
      yield* pass("12 seconds")
      // The new agent has told nothing yet.
      assert.deepStrictEqual([yield* state("node-1"), yield* unreachable], ["ready", []])
      yield* nodes.resume("node-1")
      yield* nodes.move("node-1")
      const asked = yield* Effect.forkChild(source.get(ref), { startImmediately: true })
      yield* pass("1 second")
      assert.strictEqual((yield* Fiber.join(asked)).id, ref.id)
      assert.deepStrictEqual([yield* state("node-1"), yield* unreachable], ["ready", []])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that moves to where nothing comes from is unreachable after 15 seconds", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* pass()
      yield* nodes.hang("node-1")
      yield* nodes.move("node-1")
      yield* pass("17 seconds")
      assert.deepStrictEqual([yield* state("node-1"), yield* unreachable], ["unreachable", ["node-1"]])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that goes is unreachable for 5 minutes, then its cores are deleted", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* crash("node-2", 2)
      yield* pass()
      const told = yield* watching
      yield* nodes.remove("node-1")
      yield* pass("4 minutes")
      assert.deepStrictEqual(yield* unreachable, ["node-1"])
      assert.deepStrictEqual(yield* pids, [1, 2])
      assert.strictEqual(yield* tagOf(source.get(ref)), "NodeFailed")
      yield* pass("61 seconds")
      assert.deepStrictEqual(told, ["DELETED 1"])
      assert.deepStrictEqual(yield* unreachable, [])
      assert.isUndefined(yield* node("node-1"))
      assert.strictEqual(yield* tagOf(source.get(ref)), "CoreNotFound")
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("one that comes back in time is no storm", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 1)
      yield* pass()
      const told = yield* watching
      yield* nodes.remove("node-1")
      yield* pass("4 minutes")
      yield* crash("node-1", 2)
      yield* nodes.add("node-1")
      yield* pass("10 minutes")
      assert.deepStrictEqual(told, ["ADDED 2"])
      assert.strictEqual(yield* state("node-1"), "ready")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("one that comes back after that is told anew", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      yield* crash("node-1", 1)
      yield* pass()
      const told = yield* watching
      yield* nodes.remove("node-1")
      yield* pass("6 minutes")
      yield* nodes.add("node-1")
      yield* pass()
      assert.deepStrictEqual(told, ["DELETED 1", "ADDED 1"])
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("many that hang do not keep the others waiting", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      for (let i = 0; i < 200; i++) yield* nodes.add(`node-${i}`)
      for (let i = 0; i < 100; i++) yield* nodes.hang(`node-${i}`)
      yield* pass("5 seconds")
      const statuses = yield* CoreSource.use(({ nodes }) => nodes)
      assert.strictEqual(statuses.filter((status) => status.state === "ready").length, 100)
    }).pipe(Effect.provide(layerCluster(undefined, { maxSyncing: 32 }))))
})
