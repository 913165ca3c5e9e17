import { assert, describe, it } from "@effect/vitest"
import {
  CoreSource,
  layerClusterCoreSource,
  layerStaticNodeDirectory,
  NodeConnector,
  NodeFailed,
  type Problem,
  Unauthorized
} from "@koredump/core"
import { FakeNodes } from "@koredump/core/testing"
import { Effect, Fiber, Layer, Schedule, type Scope, Stream } from "effect"
import { layerIdle } from "../support/whenIdle.ts"
import {
  added,
  advance,
  bookmark,
  content,
  crash,
  failureTag,
  layerCluster,
  list,
  makeNode,
  summary
} from "./support.ts"

/** A node whose watches end after 10 seconds. Its downloads take 5 minutes and fail without the connection. */
const layerConnected = layerClusterCoreSource().pipe(
  Layer.provide(layerStaticNodeDirectory([{ name: "node-1", address: "here" }])),
  Layer.provide(Layer.succeed(NodeConnector, {
    connect: () =>
      Effect.gen(function*() {
        const connection = yield* Effect.acquireRelease(Effect.succeed({ open: true }), (connection) =>
          Effect.sync(() => {
            connection.open = false
          }))
        const send = Effect.suspend(() =>
          connection.open ? Effect.succeed(content) : Effect.fail(new NodeFailed())
        )
        return makeNode(
          Stream.make(added(1), bookmark("a")).pipe(
            Stream.concat(Stream.fromEffectDrain(Effect.sleep("10 seconds"))),
            Stream.concat(Stream.fail(new NodeFailed()))
          ),
          {
            open: (ref) =>
              Effect.succeed({
                ref,
                size: 4,
                compression: "none",
                lastModified: 0,
                etag: "\"1\"",
                decompressed: Stream.empty,
                bytes: () =>
                  Stream.fromEffectRepeat(send).pipe(Stream.schedule(Schedule.spaced("1 second")), Stream.take(300))
              })
          }
        )
      })
  })),
  Layer.provideMerge(layerIdle)
)

describe("requests for one core of a cluster", () => {
  it.effect("return the node's metadata with the names and resource versions of the cluster", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1, { MESSAGE: "it crashed" })
      yield* advance()
      const [core] = (yield* list).cores
      const metadata = yield* source.get(ref)
      assert.deepStrictEqual(metadata, { ...core!, MESSAGE: "it crashed" } as never)
      assert.strictEqual(yield* failureTag(source.get({ ...ref, node: "node-2" })), "CoreNotFound")
      assert.strictEqual(yield* failureTag(source.get({ ...ref, node: "node-3" })), "CoreNotFound")
    }).pipe(Effect.provide(layerCluster(["node-1", "node-2"]))))

  it.effect("fail with CoreNotStored for a missing core, also while its node fails", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const cores = yield* nodes.cores("node-1")
      const ref = yield* cores.put({ fields: { reason: "RLIMIT_CORE is 0" } })
      yield* advance()
      yield* nodes.fail("node-1", new NodeFailed())
      yield* advance()
      for (const request of [Effect.scoped(source.open(ref)), source.remove(ref)]) {
        const problem = yield* Effect.flip(request)
        assert.strictEqual(problem._tag, "CoreNotStored")
        assert.strictEqual(problem.message, "RLIMIT_CORE is 0")
      }
      assert.strictEqual(yield* failureTag(source.get(ref)), "NodeFailed")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("fail with NodeFailed when the node rejects the token of the cluster server", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      const source = yield* CoreSource
      const ref = yield* crash("node-1", 1)
      yield* advance()
      yield* nodes.fail("node-1", new Unauthorized())
      const problem = yield* Effect.flip(source.get(ref))
      assert.strictEqual(problem._tag, "NodeFailed")
      assert.propertyVal(problem, "node", "node-1")
    }).pipe(Effect.provide(layerCluster(["node-1"]))))

  it.effect("open files with the names of the cluster, and convert problems of the node", () =>
    Effect.gen(function*() {
      const problem = new Unauthorized({ detail: "Expired." })
      yield* FakeNodes.use((nodes) =>
        nodes.addSource(
          "node-1",
          makeNode(Stream.concat(Stream.make(added(1, { node: "me" }), bookmark("a")), Stream.never), {
            open: (ref) =>
              Effect.succeed({
                ref,
                size: 4,
                compression: "none",
                lastModified: 0,
                etag: "\"1\"",
                bytes: () => Stream.fail(problem),
                decompressed: Stream.fail(problem),
                reader: () => Effect.fail(problem)
              })
          })
        )
      )
      yield* advance()
      const ref = { node: "node-1", id: summary(1).id }
      const file = yield* CoreSource.use((source) => source.open(ref))
      assert.deepStrictEqual(file.ref, ref)
      const reads = [Stream.runDrain(file.bytes()), Stream.runDrain(file.decompressed), file.reader!()]
      for (const read of reads) {
        const failure = yield* Effect.flip(read as Effect.Effect<unknown, Problem, Scope.Scope>)
        assert.strictEqual(failure.message, "The node rejected the cluster server's token: Expired.")
        assert.propertyVal(failure, "node", "node-1")
      }
    }).pipe(Effect.scoped, Effect.provide(layerCluster())))

  it.effect("complete a download although the watch of the node fails meanwhile", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const ref = { node: "node-1", id: summary(1).id }
      yield* advance("10 minutes")
      const { bytes } = yield* source.open(ref)
      const fiber = yield* Effect.forkChild(Stream.runCount(bytes()))
      yield* advance("5 minutes")
      assert.strictEqual(yield* Fiber.join(fiber), 300)
    }).pipe(Effect.scoped, Effect.provide(layerConnected)))
})
