import { assert, describe, it } from "@effect/vitest"
import { CoreIndex, NodeFailed, type NodeStatus } from "@koredump/core"
import { Effect } from "effect"
import { ClusterNode } from "../../src/cluster/ClusterNode.ts"
import { bookmark } from "./support.ts"

const limits = { maxCores: 10, maxBytes: 1e6, maxCoreBytes: 1e5, maxNamespaces: 10 }
const address = { name: "node-1", address: "http://a", incarnation: "1" }
const failure = new NodeFailed({ node: "node-1", detail: "Gone." })
const reported: NodeStatus = { name: "me", state: "ready", since: "1970-01-01T00:00:00Z", cores: 1, bytes: 1 }

const makeNode = Effect.map(CoreIndex.make(), (index) => new ClusterNode(index, limits, address, 0))

/** A node that is ready at `now`, with resource version `x`. */
const makeReadyNode = (now = 0) =>
  Effect.map(makeNode, (node) => {
    node.cores.beginWatch()
    node.cores.onApplied(bookmark("x"))
    node.markReady(now)
    return node
  })

describe("the address of a node", () => {
  it.effect("keeps the resource version if the agent is the same", () =>
    Effect.gen(function*() {
      const node = yield* makeReadyNode()
      node.markRemoved(1)
      node.updateAddress(address, 2)
      assert.strictEqual(node.cores.since, "x")
      assert.deepStrictEqual([node.state, node.isInDirectory], ["syncing", true])
    }))

  it.effect.each([{ ...address, address: "http://b" }, { ...address, incarnation: "2" }])(
    "discards the resource version for another agent: $address $incarnation",
    (other) =>
      Effect.gen(function*() {
        const node = yield* makeReadyNode()
        node.updateAddress(other, 1)
        assert.isUndefined(node.cores.since)
        assert.deepStrictEqual([node.state, node.address], ["ready", other])
      })
  )

  it.effect("leaves a node ready that moves, until it fails", () =>
    Effect.gen(function*() {
      const node = yield* makeReadyNode()
      node.updateAddress({ ...address, incarnation: "2" }, 1)
      node.markSyncing(2)
      assert.strictEqual(node.state, "ready")
      node.markUnreachable(failure, 3)
      node.onContact(4)
      node.markReady(5)
      node.markSyncing(6)
      assert.strictEqual(node.state, "syncing")
    }))

  it.effect("is final for a node that moved and became ready", () =>
    Effect.gen(function*() {
      const node = yield* makeReadyNode()
      node.updateAddress({ ...address, incarnation: "2" }, 1)
      node.markReady(2)
      node.markSyncing(3)
      assert.strictEqual(node.state, "syncing")
    }))
})

describe("the state of a node", () => {
  it.effect("has the time since when it lasts", () =>
    Effect.gen(function*() {
      const node = yield* makeNode
      const since = () => [node.status.state, node.status.since]
      assert.deepStrictEqual(since(), ["syncing", "1970-01-01T00:00:00Z"])
      assert.isTrue(node.markReady(1000))
      assert.isFalse(node.markReady(2000))
      assert.deepStrictEqual(since(), ["ready", "1970-01-01T00:00:01Z"])
      assert.isTrue(node.markUnreachable(failure, 3000))
      assert.isFalse(node.markUnreachable(failure, 4000))
      assert.deepStrictEqual(since(), ["unreachable", "1970-01-01T00:00:03Z"])
      node.onContact(5000)
      assert.deepStrictEqual(since(), ["syncing", "1970-01-01T00:00:05Z"])
      assert.strictEqual(node.status.lastContact, "1970-01-01T00:00:05Z")
    }))

  it.effect("has a failure only while the node is unreachable, and its last error until it is ready", () =>
    Effect.gen(function*() {
      const node = yield* makeReadyNode()
      const errors = () => [node.failure?.message, node.status.lastError]
      assert.deepStrictEqual(errors(), [undefined, undefined])
      node.markUnreachable(failure, 1)
      assert.deepStrictEqual(errors(), ["Gone.", "Gone."])
      node.onContact(2)
      assert.deepStrictEqual(errors(), [undefined, "Gone."])
      node.markReady(3)
      assert.deepStrictEqual(errors(), [undefined, undefined])
    }))

  it.effect("times out after 15 seconds of waiting", () =>
    Effect.gen(function*() {
      const node = yield* makeNode
      assert.isFalse(node.isTimedOut(1e9))
      node.startWaiting(1000)
      assert.deepStrictEqual([node.isTimedOut(15_999), node.isTimedOut(16_000)], [false, true])
      node.stopWaiting()
      assert.isFalse(node.isTimedOut(1e9))
    }))
})

describe("the status of a node", () => {
  it.effect("is due immediately when the node is ready, then once a minute", () =>
    Effect.gen(function*() {
      const node = yield* makeNode
      assert.isUndefined(node.statusDueSince(0))
      node.markReady(1000)
      assert.strictEqual(node.statusDueSince(1000), 1000)
      node.onStatusRequested(1000)
      assert.deepStrictEqual([node.statusDueSince(60_999), node.statusDueSince(61_000)], [undefined, 61_000])
      node.markUnreachable(failure, 2000)
      node.markReady(3000)
      assert.strictEqual(node.statusDueSince(3000), 3000)
    }))

  it.effect("limits the texts that the node reports", () =>
    Effect.gen(function*() {
      const node = yield* makeReadyNode()
      const long = "x\n".repeat(5000)
      const warnings = Array.from({ length: 30 }, () => long)
      node.updateStatus({ ...reported, agentVersion: long, corePattern: long, warnings })
      const { agentVersion, corePattern, warnings: limited = [] } = node.status
      assert.lengthOf(limited, 20)
      for (const text of [agentVersion!, corePattern!, ...limited]) {
        assert.isAtMost(text.length, 1024)
        assert.notInclude(text, "\n")
      }
    }))

  it.effect("has a warning while the node is degraded", () =>
    Effect.gen(function*() {
      const node = yield* makeReadyNode()
      assert.isTrue(node.setDegradedReason("Broken."))
      assert.isFalse(node.setDegradedReason("Still broken."))
      assert.deepStrictEqual([node.status.warnings, node.showsAllCores], [["Still broken."], false])
      assert.isFalse(node.setDegradedReason(undefined))
      assert.deepStrictEqual([node.status.warnings, node.showsAllCores], [undefined, true])
      node.markUnreachable(failure, 1)
      node.markReady(2)
      assert.isFalse(node.showsAllCores)
    }))
})
