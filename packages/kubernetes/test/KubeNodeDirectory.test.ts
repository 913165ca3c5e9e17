import { assert, describe, it } from "@effect/vitest"
import { type NodeAddress, NodeDirectory } from "@koredump/core"
import { Effect, Layer, Queue, Schema, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { KubeQuery } from "../src/KubeApi.ts"
import { layerKubeNodeDirectory, nodesOfPods } from "../src/KubeNodeDirectory.ts"
import { Pod } from "../src/Pod.ts"
import { event, failing, layerFakeApi, page } from "./support/api.ts"

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

describe("nodesOfPods", () => {
  it.each<[string, ReadonlyArray<unknown>, ReadonlyArray<string>]>([
    ["none", [], []],
    ["by name", [pod("u2", "b", "10.0.0.2"), pod("u1", "a", "10.0.0.1")], [
      "a https://10.0.0.1:5001 u1",
      "b https://10.0.0.2:5001 u2"
    ]],
    ["IPv6", [pod("u1", "a", "fd00::1")], ["a https://[fd00::1]:5001 u1"]],
    ["not ready", [pod("u1", "a", "10.0.0.1", { ready: false })], ["a https://10.0.0.1:5001 u1"]],
    ["pending with an address", [pod("u1", "a", "10.0.0.1", { phase: "Pending" })], ["a https://10.0.0.1:5001 u1"]],
    [
      "ended",
      [pod("u1", "a", "10.0.0.1", { phase: "Failed" }), pod("u2", "b", "10.0.0.2", { phase: "Succeeded" })],
      []
    ],
    ["no node, no address", [pod("u1", undefined, "10.0.0.1"), pod("u2", "b", undefined)], []],
    ["an address that is none", [pod("u1", "a", "10.0.0.1:80/x?"), pod("u2", "b", "localhost")], []],
    ["no status yet", [{ ...pod("u1", "a", "10.0.0.1"), status: {} }], []],
    [
      "two on a node: the ready one",
      [pod("new", "a", "10.0.0.2", { ready: false, created: later }), pod("old", "a", "10.0.0.1")],
      ["a https://10.0.0.1:5001 old"]
    ],
    [
      "the one that does not terminate",
      [pod("new", "a", "10.0.0.2", { created: later, deleted: true }), pod("old", "a", "10.0.0.1")],
      ["a https://10.0.0.1:5001 old"]
    ],
    ["both ready: the newer", [pod("new", "a", "10.0.0.2", { created: later }), pod("old", "a", "10.0.0.1")], [
      "a https://10.0.0.2:5001 new"
    ]],
    [
      "neither ready: the newer",
      [
        pod("old", "a", "10.0.0.1", { deleted: true }),
        pod("new", "a", "10.0.0.2", { ready: false, created: later })
      ],
      ["a https://10.0.0.2:5001 new"]
    ]
  ])("%s", (_, pods, expected) => {
    for (const order of [pods, pods.toReversed()]) {
      const nodes = nodesOfPods(decode(order), { scheme: "https", port: 5001 })
      assert.deepStrictEqual(
        nodes.map(({ address, incarnation, name }) => `${name} ${address} ${incarnation}`),
        expected
      )
    }
  })
})

describe("layerKubeNodeDirectory", () => {
  it.effect("tells the nodes, and tells them again when they change", () =>
    Effect.gen(function*() {
      const events = yield* Queue.unbounded<unknown>()
      let asked: KubeQuery = {}
      const api = layerFakeApi({
        get: (path, query) => {
          asked = { path, ...query }
          return Effect.succeed(page([pod("u1", "a", "10.0.0.1")], "1"))
        },
        watch: () => Effect.succeed(Stream.fromQueue(events))
      })
      yield* Effect.gen(function*() {
        const directory = yield* NodeDirectory
        const told: Array<ReadonlyArray<NodeAddress>> = []
        yield* directory.nodes.pipe(
          Stream.runForEach((nodes) => Effect.sync(() => told.push(nodes))),
          Effect.forkScoped
        )
        assert.isString(yield* directory.degradedReason)
        yield* TestClock.adjust("1 second")
        assert.isUndefined(yield* directory.degradedReason)
        assert.deepStrictEqual(told, [[{ name: "a", address: "http://10.0.0.1:5001", incarnation: "u1" }]])
        assert.strictEqual(asked["path"], "/api/v1/namespaces/koredump/pods")
        assert.strictEqual(asked["labelSelector"], "koredump.daemonset=1")

        // Nothing that matters.
        yield* Queue.offer(events, event("MODIFIED", pod("u1", "a", "10.0.0.1", { ready: false }), "2"))
        yield* TestClock.adjust("1 second")
        assert.lengthOf(told, 1)
        // Many at once.
        for (const [i, name] of ["b", "c", "d"].entries()) {
          yield* Queue.offer(events, event("ADDED", pod(name, name, `10.0.1.${i}`), `${3 + i}`))
        }
        yield* TestClock.adjust("1 second")
        assert.lengthOf(told, 2)
        yield* Queue.offer(events, event("DELETED", pod("u1", "a", "10.0.0.1"), "9"))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(told.at(-1)?.map(({ name }) => name), ["b", "c", "d"])
      }).pipe(
        Effect.provide(layerKubeNodeDirectory({ scheme: "http", port: 5001 }).pipe(Layer.provide(api)))
      )
    }))

  it.effect("tells nothing before it knows all, and says why", () =>
    Effect.gen(function*() {
      const directory = yield* NodeDirectory
      const told: Array<unknown> = []
      yield* directory.nodes.pipe(Stream.runForEach((nodes) => Effect.sync(() => told.push(nodes))), Effect.forkScoped)
      yield* TestClock.adjust("1 minute")
      assert.deepStrictEqual([told, yield* directory.degradedReason], [[], "it is unreachable"])
    }).pipe(
      Effect.provide(
        layerKubeNodeDirectory({ scheme: "http", port: 5001 }).pipe(
          Layer.provide(layerFakeApi({ get: () => Effect.fail(failing("unreachable")) }))
        )
      )
    ))

  it.effect("must know its namespace", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Layer.build(
        layerKubeNodeDirectory({ scheme: "http", port: 5001 }).pipe(
          Layer.provide(layerFakeApi({ namespace: undefined }))
        )
      ))
      assert.include(error.message, "--namespace")
    }))
})
