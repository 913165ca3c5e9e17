import { assert, describe, it } from "@effect/vitest"
import { PodResolver } from "@koredump/core"
import { Deferred, Effect, Layer, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import type { KubeApiError, KubeQuery } from "../src/KubeApi.ts"
import { layerPodWatchResolver } from "../src/PodWatchResolver.ts"
import { event, failing, layerFakeApi, page } from "./support/api.ts"
import { id, pending, staticPod, web } from "./support/pods.ts"

describe("layerPodWatchResolver", () => {
  it.effect("knows the pods of its node, tells of which it knows more, and remembers those that are gone", () =>
    Effect.gen(function*() {
      const events = yield* Queue.unbounded<unknown>()
      let asked: KubeQuery = {}
      const api = layerFakeApi({
        get: (path, query) => {
          asked = { path, ...query }
          return Effect.as(Effect.sleep("1 second"), page([web, staticPod], "1"))
        },
        watch: () => Effect.succeed(Stream.fromQueue(events))
      })
      yield* Effect.gen(function*() {
        const resolver = yield* PodResolver
        const told: Array<string> = []
        const updates = yield* resolver.updates
        const crashed = { podUid: pending.metadata.uid, containerId: id("c") }

        // It waits for nothing.
        assert.deepStrictEqual(yield* resolver.resolve({ podUid: web.metadata.uid }), {})
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual([asked["path"], asked["fieldSelector"], asked["resourceVersion"]], [
          "/api/v1/pods",
          "spec.nodeName=node-1",
          "0"
        ])
        // Read late: nothing is missed.
        yield* updates.pipe(Stream.runForEach((uid) => Effect.sync(() => told.push(uid))), Effect.forkScoped)
        yield* TestClock.adjust(0)
        assert.deepStrictEqual(told.splice(0), [web.metadata.uid, "7260904bbd08e72e4dff95d9fccd2ee8"])
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
        assert.deepStrictEqual(told.splice(0), [pending.metadata.uid, pending.metadata.uid])
        assert.strictEqual((yield* resolver.resolve(crashed)).container, "report")

        yield* TestClock.adjust("59 minutes")
        assert.strictEqual((yield* resolver.resolve(crashed)).container, "report")
        yield* TestClock.adjust("2 minutes")
        assert.deepStrictEqual(yield* resolver.resolve(crashed), {})
        assert.strictEqual((yield* resolver.resolve({ podUid: web.metadata.uid })).namespace, "shop")
      }).pipe(Effect.provide(layerPodWatchResolver({ nodeName: "node-1" }).pipe(Layer.provide(api))))
    }))

  it.effect("says while it lasts that it cannot follow the pods, at the start too", () =>
    Effect.gen(function*() {
      let mayList = false
      let mayWatch = false
      let connection = yield* Deferred.make<void, KubeApiError>()
      const api = layerFakeApi({
        get: () => Effect.suspend(() => mayList ? Effect.succeed(page([web], "1")) : Effect.fail(failing("forbidden"))),
        watch: () =>
          Effect.suspend(() =>
            mayWatch
              ? Effect.succeed(Stream.fromEffectDrain(Deferred.await(connection)))
              : Effect.fail(failing("forbidden"))
          )
      })
      const lacking = ["pods are not followed at the moment, cores of new ones may lack their names: it is forbidden"]
      yield* Effect.gen(function*() {
        const resolver = yield* PodResolver
        assert.deepStrictEqual(yield* resolver.warnings, [])
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* resolver.warnings, lacking)
        mayList = true
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, lacking)
        mayWatch = true
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, [])

        mayWatch = false
        const former = connection
        connection = yield* Deferred.make<void, KubeApiError>()
        yield* Deferred.fail(former, failing("unreachable"))
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, lacking)
        mayWatch = true
        yield* TestClock.adjust("10 seconds")
        assert.deepStrictEqual(yield* resolver.warnings, [])
      }).pipe(Effect.provide(layerPodWatchResolver({ nodeName: "node-1" }).pipe(Layer.provide(api))))
    }))
})
