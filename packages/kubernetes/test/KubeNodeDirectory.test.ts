import { assert, describe, it } from "@effect/vitest"
import { type NodeAddress, NodeDirectory } from "@koredump/core"
import { Effect, Layer, Queue, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { KubeQuery } from "../src/api/KubeApi.ts"
import { layerKubeNodeDirectory, toNodeAddresses } from "../src/KubeNodeDirectory.ts"
import { Pod } from "../src/pods/Pod.ts"
import { apiError, event, layerFakeApi, page } from "./support/api.ts"

const pod = (
  uid: string,
  nodeName: string | undefined,
  podIP: string | undefined,
  more: { readonly phase?: string; readonly ready?: boolean; readonly created?: string; readonly deleted?: boolean } =
    {}
) => ({
  metadata: {
    name: `agent-${uid}`,
    namespace: "koredump",
    uid,
    creationTimestamp: more.created ?? "2026-11-25T10:00:00Z",
    ...(more.deleted === true ? { deletionTimestamp: "2026-11-25T12:00:00Z" } : {})
  },
  spec: { ...(nodeName === undefined ? {} : { nodeName }), containers: [] },
  status: {
    phase: more.phase ?? "Running",
    ...(podIP === undefined ? {} : { podIP }),
    conditions: [{ type: "Ready", status: more.ready === false ? "False" : "True" }]
  }
})

const decode = Schema.decodeUnknownSync(Schema.Array(Pod))
const later = "2026-11-25T11:00:00Z"

describe("toNodeAddresses selects", () => {
  it.each<[string, ReadonlyArray<unknown>, ReadonlyArray<string>]>([
    ["nothing without pods", [], []],
    ["one pod for each node, by name", [pod("u2", "b", "10.0.0.2"), pod("u1", "a", "10.0.0.1")], [
      "a https://10.0.0.1:5001 u1",
      "b https://10.0.0.2:5001 u2"
    ]],
    ["an IPv6 address", [pod("u1", "a", "fd00::1")], ["a https://[fd00::1]:5001 u1"]],
    ["a pod that is not ready", [pod("u1", "a", "10.0.0.1", { ready: false })], ["a https://10.0.0.1:5001 u1"]],
    ["a pending pod with an address", [pod("u1", "a", "10.0.0.1", { phase: "Pending" })], [
      "a https://10.0.0.1:5001 u1"
    ]],
    [
      "no terminated pods",
      [pod("u1", "a", "10.0.0.1", { phase: "Failed" }), pod("u2", "b", "10.0.0.2", { phase: "Succeeded" })],
      []
    ],
    ["no pods without a node or an address", [pod("u1", undefined, "10.0.0.1"), pod("u2", "b", undefined)], []],
    ["no pods with an invalid address", [pod("u1", "a", "10.0.0.1:80/x?"), pod("u2", "b", "localhost")], []],
    ["no pods without a status", [{ ...pod("u1", "a", "10.0.0.1"), status: {} }], []],
    [
      "the ready one of two pods",
      [pod("new", "a", "10.0.0.2", { ready: false, created: later }), pod("old", "a", "10.0.0.1")],
      ["a https://10.0.0.1:5001 old"]
    ],
    [
      "the one of two pods that does not terminate",
      [pod("new", "a", "10.0.0.2", { created: later, deleted: true }), pod("old", "a", "10.0.0.1")],
      ["a https://10.0.0.1:5001 old"]
    ],
    ["the newer of two ready pods", [pod("new", "a", "10.0.0.2", { created: later }), pod("old", "a", "10.0.0.1")], [
      "a https://10.0.0.2:5001 new"
    ]],
    [
      "the newer of two pods that are not ready",
      [
        pod("old", "a", "10.0.0.1", { deleted: true }),
        pod("new", "a", "10.0.0.2", { ready: false, created: later })
      ],
      ["a https://10.0.0.2:5001 new"]
    ]
  ])("%s", (_, pods, expected) => {
    for (const order of [pods, pods.toReversed()]) {
      const nodes = toNodeAddresses(decode(order), { scheme: "https", port: 5001 })
      assert.deepStrictEqual(
        nodes.map(({ address, incarnation, name }) => `${name} ${address} ${incarnation}`),
        expected
      )
    }
  })
})

describe("layerKubeNodeDirectory", () => {
  it.effect("emits the nodes, and emits them again when they change", () =>
    Effect.gen(function*() {
      const events = yield* Queue.unbounded<unknown>()
      let requested: KubeQuery = {}
      const api = layerFakeApi({
        get: (path, query) => {
          requested = { path, ...query }
          return Effect.succeed(page([pod("u1", "a", "10.0.0.1")], "1"))
        },
        watch: () => Effect.succeed(Stream.fromQueue(events))
      })
      yield* Effect.gen(function*() {
        const directory = yield* NodeDirectory
        const emitted: Array<ReadonlyArray<NodeAddress>> = []
        yield* directory.nodes.pipe(
          Stream.runForEach((nodes) => Effect.sync(() => emitted.push(nodes))),
          Effect.forkScoped
        )
        assert.strictEqual(
          yield* directory.degradedReason,
          "The Kubernetes API has not returned the node agent pods yet."
        )
        yield* TestClock.adjust("1 second")
        assert.isUndefined(yield* directory.degradedReason)
        assert.deepStrictEqual(emitted, [[{ name: "a", address: "http://10.0.0.1:5001", incarnation: "u1" }]])
        assert.strictEqual(requested["path"], "/api/v1/namespaces/koredump/pods")
        assert.strictEqual(requested["labelSelector"], "koredump.daemonset=1")

        // A change that does not matter.
        yield* Queue.offer(events, event("MODIFIED", pod("u1", "a", "10.0.0.1", { ready: false }), "2"))
        yield* TestClock.adjust("1 second")
        assert.lengthOf(emitted, 1)
        // Several changes at the same time.
        for (const [i, name] of ["b", "c", "d"].entries()) {
          yield* Queue.offer(events, event("ADDED", pod(name, name, `10.0.1.${i}`), `${3 + i}`))
        }
        yield* TestClock.adjust("1 second")
        assert.lengthOf(emitted, 2)
        yield* Queue.offer(events, event("DELETED", pod("u1", "a", "10.0.0.1"), "9"))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(emitted.at(-1)?.map(({ name }) => name), ["b", "c", "d"])
      }).pipe(
        Effect.provide(layerKubeNodeDirectory({ scheme: "http", port: 5001 }).pipe(Layer.provide(api)))
      )
    }))

  it.effect("emits a new pod with the address of the old one, and drops pods that a new list does not have", () =>
    Effect.gen(function*() {
      const events = yield* Queue.unbounded<unknown>()
      let lists = 0
      const api = layerFakeApi({
        get: () =>
          Effect.sync(() => {
            lists += 1
            const b = pod("u3", "b", "10.0.0.2")
            return page(lists === 1 ? [pod("u1", "a", "10.0.0.1"), b] : [b], String(lists))
          }),
        watch: () => Effect.succeed(Stream.fromQueue(events))
      })
      yield* Effect.gen(function*() {
        const directory = yield* NodeDirectory
        const emitted: Array<ReadonlyArray<unknown>> = []
        yield* directory.nodes.pipe(
          Stream.runForEach((nodes) => Effect.sync(() => emitted.push(nodes.map((node) => node.incarnation)))),
          Effect.forkScoped
        )
        yield* TestClock.adjust("1 second")
        yield* Queue.offer(events, event("DELETED", pod("u1", "a", "10.0.0.1"), "2"))
        yield* Queue.offer(events, event("ADDED", pod("u2", "a", "10.0.0.1"), "3"))
        yield* TestClock.adjust("1 second")
        yield* Queue.offer(events, { type: "ERROR", object: { code: 410 } })
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(emitted, [["u1", "u3"], ["u2", "u3"], ["u3"]])
      }).pipe(
        Effect.provide(layerKubeNodeDirectory({ scheme: "http", port: 5001 }).pipe(Layer.provide(api)))
      )
    }))

  it.effect("emits nothing before the pods are listed, and explains why", () =>
    Effect.gen(function*() {
      const directory = yield* NodeDirectory
      const emitted: Array<unknown> = []
      yield* directory.nodes.pipe(
        Stream.runForEach((nodes) => Effect.sync(() => emitted.push(nodes))),
        Effect.forkScoped
      )
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([emitted, yield* directory.degradedReason], [[], "The request is unreachable."])
    }).pipe(
      Effect.provide(
        layerKubeNodeDirectory({ scheme: "http", port: 5001 }).pipe(
          Layer.provide(layerFakeApi({ get: () => Effect.fail(apiError("unreachable")) }))
        )
      )
    ))

  it.effect("requires a namespace", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(
        layerKubeNodeDirectory({ scheme: "http", port: 5001 }).pipe(
          Layer.provide(layerFakeApi({ namespace: undefined }))
        )
      ))
      assert.include(error.message, "--namespace")
    }))
})
