import { assert, describe, it } from "@effect/vitest"
import {
  CoreIndex,
  CoreSource,
  layerClusterCoreSource,
  NodeConnector,
  NodeDirectory,
  type NodeStatus
} from "@koredump/core"
import { FakeNodes } from "@koredump/core/testing"
import { Effect, Layer, Stream } from "effect"
import { ClusterNode } from "../../src/cluster/ClusterNode.ts"
import { selectDueNodes } from "../../src/cluster/monitorNodes.ts"
import { layerIdle } from "../support/whenIdle.ts"
import { advance, bookmark, layerCluster, makeNode, nodeStatus } from "./support.ts"

const limits = { maxCores: 10, maxBytes: 1e6, maxCoreBytes: 1e5, maxNamespaces: 10 }
const reported: NodeStatus = { name: "node-1", state: "ready", since: "1970-01-01T00:00:00Z", cores: 0, bytes: 0 }
const openWatch = Stream.concat(
  Stream.make(bookmark("x")),
  Stream.tick("5 seconds").pipe(Stream.map(() => bookmark("x")))
)

describe("selectDueNodes", () => {
  it.effect("selects the longest overdue nodes first, and none before its time", () =>
    Effect.gen(function*() {
      const index = yield* CoreIndex.make()
      const nodes = [300, 100, 900, 200].map((readyAt) => {
        const node = new ClusterNode(index, limits, { name: `node-${readyAt}`, address: "a" }, 0)
        node.markReady(readyAt)
        return node
      })
      const select = (now: number, max: number) => selectDueNodes(nodes, now, max).map(({ name }) => name)
      assert.deepStrictEqual(select(500, 2), ["node-100", "node-200"])
      assert.deepStrictEqual(select(500, 10), ["node-100", "node-200", "node-300"])
      nodes[1]!.onStatusRequested(500)
      assert.deepStrictEqual(select(500, 1), ["node-200"])
    }))
})

describe("status requests", () => {
  it.effect("of nodes that do not answer do not delay those of others", () =>
    Effect.gen(function*() {
      const nodes = yield* FakeNodes
      for (let i = 0; i < 7; i++) yield* nodes.addSource(`bad-${i}`, makeNode(openWatch, { nodes: Effect.never }))
      yield* nodes.addSource(
        "good",
        makeNode(openWatch, {
          nodes: Effect.succeed([
            { ...reported, name: "other", agentVersion: "0.0.0" },
            { ...reported, name: "good", agentVersion: "1.2.3" }
          ])
        })
      )
      yield* advance("3 seconds")
      assert.strictEqual((yield* nodeStatus("good"))?.agentVersion, "1.2.3")
    }).pipe(Effect.provide(layerCluster())))

  it.effect("to an earlier address have no effect", () =>
    Effect.gen(function*() {
      const connector = NodeConnector.of({
        connect: ({ address }) =>
          Effect.succeed(makeNode(openWatch, {
            nodes: address === "old" ? Effect.never : Effect.succeed([reported])
          }))
      })
      const nodes = Stream.make([{ name: "node-1", address: "old" }]).pipe(
        Stream.concat(Stream.fromEffectDrain(Effect.sleep("3 seconds"))),
        Stream.concat(Stream.make([{ name: "node-1", address: "new" }])),
        Stream.concat(Stream.never)
      )
      // The old request times out after 6 seconds.
      yield* advance("6500 millis").pipe(
        Effect.andThen(CoreSource.use((source) => source.nodes)),
        Effect.tap(([status]) =>
          Effect.sync(() => assert.deepStrictEqual([status?.address, status?.warnings], ["new", undefined]))
        ),
        Effect.provide(
          layerClusterCoreSource().pipe(
            Layer.provide(Layer.succeed(NodeConnector, connector)),
            Layer.provide(Layer.succeed(NodeDirectory, { nodes, degradedReason: Effect.undefined })),
            Layer.provideMerge(layerIdle)
          )
        )
      )
    }))
})
