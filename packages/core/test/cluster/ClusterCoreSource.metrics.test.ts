import { assert, it } from "@effect/vitest"
import { NodeFailed } from "@koredump/core"
import { FakeNodes } from "@koredump/core/testing"
import { Effect, Metric } from "effect"
import { PrometheusMetrics } from "effect/observability"
import { advance, layerCluster } from "./support.ts"

it.effect("a cluster source counts nodes by state, and failed connections", () =>
  Effect.gen(function*() {
    const nodes = yield* FakeNodes
    yield* nodes.hang("node-3")
    yield* advance("1 second")
    // One connection is lost, and the node is reachable again at once.
    yield* nodes.fail("node-2", new NodeFailed())
    yield* nodes.heal("node-2")
    yield* advance("10 seconds")
    const text = yield* PrometheusMetrics.format()
    assert.match(text, /^koredump_cluster_nodes\{state="ready"\} 2$/m)
    assert.match(text, /^koredump_cluster_nodes\{state="syncing"\} 1$/m)
    assert.match(text, /^koredump_cluster_nodes\{state="unreachable"\} 0$/m)
    assert.match(text, /^koredump_cluster_reconnects_total 1$/m)
  }).pipe(
    Effect.provide(layerCluster(["node-1", "node-2", "node-3"])),
    Effect.provideService(Metric.MetricRegistry, new Map())
  ))
