import { assert, describe, it } from "@effect/vitest"
import { PodResolver } from "@koredump/core"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError, KubeQuery } from "../src/api/KubeApi.ts"
import { layerPodWatchResolver } from "../src/PodWatchResolver.ts"
import { apiError, event, layerFakeApi, page } from "./support/api.ts"
import { id, pending, staticPod, web } from "./support/pods.ts"

describe("layerPodWatchResolver", () => {
  it.effect("resolves the pods of its node, emits updates, and keeps deleted pods for an hour", () =>
    Effect.gen(function*() {
      const events = yield* Queue.unbounded<unknown>()
      let requested: KubeQuery = {}
      const api = layerFakeApi({
        get: (path, query) => {
          requested = { path, ...query }
          return Effect.as(Effect.sleep("1 second"), page([web, staticPod], "1"))
        },
        watch: () => Effect.succeed(Stream.fromQueue(events))
      })
      yield* Effect.gen(function*() {
        const resolver = yield* PodResolver
        const emitted: Array<string> = []
        const updates = yield* resolver.updates
        const crashed = { podUid: pending.metadata.uid, containerId: id("c") }

        // It does not wait for the list.
        assert.deepStrictEqual(yield* resolver.resolve({ podUid: web.metadata.uid }), {})
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([requested["path"], requested["fieldSelector"], requested["resourceVersion"]], [
          "/api/v1/pods",
          "spec.nodeName=node-1",
          "0"
        ])
        // The subscription keeps updates until they are read.
        yield* updates.pipe(Stream.runForEach((uid) => Effect.sync(() => emitted.push(uid))), Effect.forkScoped)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(emitted.splice(0), [web.metadata.uid, "7260904bbd08e72e4dff95d9fccd2ee8"])
        assert.strictEqual(
          (yield* resolver.resolve({ podUid: web.metadata.uid, containerId: id("3") })).container,
          "web"
        )

        yield* Queue.offer(events, event("ADDED", pending, "2"))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(yield* resolver.resolve(crashed), {
          namespace: "shop",
          pod: pending.metadata.name,
          pod_uid: pending.metadata.uid,
          workload: "Job/report-29401"
        })
        const status = { containerStatuses: [{ name: "report", containerID: `containerd://${id("c")}` }] }
        yield* Queue.offer(events, event("MODIFIED", pending, "3"))
        const started = { ...pending, status }
        yield* Queue.offer(events, event("DELETED", started, "4"))
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(emitted.splice(0), [pending.metadata.uid, pending.metadata.uid])
        assert.strictEqual((yield* resolver.resolve(crashed)).container, "report")

        yield* TestClock.adjust("59 minutes")
        assert.strictEqual((yield* resolver.resolve(crashed)).container, "report")
        yield* TestClock.adjust("2 minutes")
        assert.deepStrictEqual(yield* resolver.resolve(crashed), {})
        assert.strictEqual((yield* resolver.resolve({ podUid: web.metadata.uid })).namespace, "shop")
      }).pipe(Effect.provide(layerPodWatchResolver({ nodeName: "node-1" }).pipe(Layer.provide(api))))
    }))

  it.effect("keeps pods that a new list does not have for an hour", () =>
    Effect.gen(function*() {
      const expired = Stream.make({ type: "ERROR", object: { code: 410 } })
      const selectors: Array<unknown> = []
      const api = layerFakeApi({
        get: (_, query = {}) =>
          Effect.sync(() => {
            selectors.push(query["fieldSelector"])
            return page(selectors.length === 1 ? [web] : [], "1")
          }),
        watch: () => Effect.succeed(selectors.length === 1 ? expired : Stream.never)
      })
      yield* Effect.gen(function*() {
        const resolver = yield* PodResolver
        const namespace = Effect.map(resolver.resolve({ podUid: web.metadata.uid }), ({ namespace }) => namespace)
        yield* TestClock.adjust("59 minutes")
        assert.strictEqual(yield* namespace, "shop")
        yield* TestClock.adjust("2 minutes")
        assert.isUndefined(yield* namespace)
        assert.strictEqual(selectors[0], "spec.nodeName=node\\,1\\=\\\\")
      }).pipe(Effect.provide(layerPodWatchResolver({ nodeName: "node,1=\\" }).pipe(Layer.provide(api))))
    }))

  it.effect("has a warning while it cannot list or watch pods", () =>
    Effect.gen(function*() {
      let canList = false
      let canWatch = false
      let connection = yield* Deferred.make<void, KubeApiError>()
      const api = layerFakeApi({
        get: () =>
          Effect.suspend(() => canList ? Effect.succeed(page([web], "1")) : Effect.fail(apiError("forbidden"))),
        watch: () =>
          Effect.suspend(() =>
            canWatch
              ? Effect.succeed(Stream.fromEffectDrain(Deferred.await(connection)))
              : Effect.fail(apiError("forbidden"))
          )
      })
      const warnings = [
        "Pod watch failed, cores of new pods may have no pod identity: koredump has no permission to list and watch pods. " +
        "The request is forbidden. Grant the verbs list and watch on pods to its service account, or set rbac.create in " +
        "the Helm chart."
      ]
      yield* Effect.gen(function*() {
        const resolver = yield* PodResolver
        assert.deepStrictEqual(yield* resolver.warnings, [])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* resolver.warnings, warnings)
        canList = true
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, warnings)
        canWatch = true
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, [])

        canWatch = false
        const former = connection
        connection = yield* Deferred.make<void, KubeApiError>()
        yield* Deferred.fail(former, apiError("unreachable"))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, warnings)
        canWatch = true
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, [])
      }).pipe(Effect.provide(layerPodWatchResolver({ nodeName: "node-1" }).pipe(Layer.provide(api))))
    }))
})
