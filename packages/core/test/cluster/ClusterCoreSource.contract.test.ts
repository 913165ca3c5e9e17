import { describe, it } from "@effect/vitest"
import { ClusterReadiness, layerClusterCoreSource } from "@koredump/core"
import { coreSourceContract, FakeCores, FakeNodes, layerFakeNodes } from "@koredump/core/testing"
import { Effect, Layer } from "effect"
import { layerAfterCrashes } from "../support/whenIdle.ts"

// Two nodes, one of them with all the cores; ready before a case begins.
const layerCluster = Layer.effect(FakeCores, FakeNodes.use(({ cores }) => cores("node-1"))).pipe(
  Layer.tap(() => ClusterReadiness.use(({ ready }) => ready)),
  Layer.provideMerge(layerClusterCoreSource()),
  Layer.provide(layerFakeNodes(["node-1", "node-2"])),
  Layer.provide(layerAfterCrashes)
)

describe("ClusterCoreSource keeps the CoreSource contract", () => {
  for (const { name, run } of coreSourceContract) {
    it.effect(name, () => run.pipe(Effect.provide(layerCluster)))
  }
})
