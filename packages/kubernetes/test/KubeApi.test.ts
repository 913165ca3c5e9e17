import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { KubeApi, type KubeConfigOptions, layerKubeApi } from "../src/index.ts"
import { answer, config, type Handler, serve, written } from "./support/server.ts"

/** An API server played by `handler`. */
const against = <A, E>(
  handler: Handler,
  use: (api: KubeApi["Service"], path: string) => Effect.Effect<A, E, Scope.Scope | FileSystem.FileSystem>,
  options: KubeConfigOptions = {}
) =>
  Effect.gen(function*() {
    const kubeconfig = yield* written(config(yield* serve(handler)))
    return yield* KubeApi.use((api) => use(api, kubeconfig)).pipe(
      Effect.provide(layerKubeApi({ kubeconfig, ...options }))
    )
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("requests", () => {
  it.live("say who asks, and what", () => {
    const seen: Array<unknown> = []
    return against((request, response) => {
      seen.push([request.method, request.url, request.headers.authorization, request.headers.traceparent])
      answer(response, { kind: "PodList" })
    }, (api) =>
      Effect.gen(function*() {
        assert.strictEqual(api.namespace, "koredump")
        assert.deepStrictEqual(yield* api.get("/api/v1/pods", { limit: 5, labelSelector: "a=b", x: undefined }), {
          kind: "PodList"
        })
        assert.deepStrictEqual(seen, [["GET", "/api/v1/pods?limit=5&labelSelector=a%3Db", "Bearer s3cr3t", undefined]])
      }))
  })

  it.live("by another context of the kubeconfig", () =>
    against((request, response) => answer(response, request.headers.authorization), (api) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* api.get("/x"), "Bearer other")
        assert.isUndefined(api.namespace)
      }), { context: "two" }))

  it.live("send JSON, over one connection", () => {
    const ports = new Set<unknown>()
    return against((request, response) => {
      ports.add(request.socket.remotePort)
      let body = ""
      request.on("data", (chunk) => {
        body += chunk
      }).on("end", () => answer(response, { said: JSON.parse(body), type: request.headers["content-type"] }, 201))
    }, (api) =>
      Effect.gen(function*() {
        for (let i = 0; i < 5; i++) {
          assert.deepStrictEqual(yield* api.create("/apis/x", { i }), { said: { i }, type: "application/json" })
        }
        assert.strictEqual(ports.size, 1)
      }))
  })

  it.live("are sent again where a connection that was kept is closed", () => {
    let count = 0
    return against((request, response) => {
      if (count++ === 1) request.socket.destroy()
      else answer(response, count)
    }, (api) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* api.create("/x", {}), 1)
        assert.strictEqual(yield* api.create("/x", {}), 3)
      }))
  })

  it.live.each([
    [400, "rejected"],
    [401, "unauthorized"],
    [403, "forbidden"],
    [404, "not-found"],
    [409, "conflict"],
    [410, "gone"],
    [422, "rejected"],
    [429, "too-many-requests"],
    [500, "unavailable"],
    [504, "unavailable"],
    [302, "rejected"]
  ])("status %d is %s", ([status, reason]) =>
    against((request, response) => {
      if (request.url === "/elsewhere") return answer(response, "followed")
      response.setHeader("location", "/elsewhere")
      answer(response, { kind: "Status", message: "user \"koredump\"\nmay not" }, Number(status))
    }, (api) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(api.get("/x"))
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(
          error.message,
          `The API server ${api.server} answered ${status}${status === 403 ? ": user \"koredump\" may not" : ""}.`
        )
      })))

  it.live("an answer that is not JSON is none", () =>
    against(
      (_, response) => response.end("<html>"),
      (api) => Effect.map(Effect.flip(api.get("/x")), ({ reason }) => assert.strictEqual(reason, "malformed"))
    ))

  it.live("nobody there", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(serve(() => {}))
      const kubeconfig = yield* written(config(gone))
      const error = yield* Effect.flip(KubeApi.use((api) => api.create("/x", {}))).pipe(
        Effect.provide(layerKubeApi({ kubeconfig }))
      )
      assert.strictEqual(error.message, `The API server ${gone} cannot be reached (ECONNREFUSED).`)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("read the kubeconfig anew where its token is not accepted any more", () =>
    against((request, response) => {
      const known = request.headers.authorization === "Bearer renewed"
      answer(response, known, known ? 200 : 401)
    }, (api, path) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(api.get("/x"))
        assert.notInclude(JSON.stringify(error), "s3cr3t")
        yield* FileSystem.FileSystem.use((fs) => fs.writeFileString(path, config(api.server, { token: "renewed" })))
        assert.isTrue(yield* api.get("/x"))
      })))

  it.effect("have their time", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      yield* against(() => Deferred.doneUnsafe(asked, Effect.void), (api) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.flip(api.create("/x", {})))
          yield* Deferred.await(asked)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual((yield* Fiber.join(fiber)).reason, "timeout")
        }))
    }))

  it.live("end with whoever made them", () =>
    Effect.gen(function*() {
      const asked = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      yield* against((request) => {
        request.socket.on("close", () => Deferred.doneUnsafe(ended, Effect.void))
        Deferred.doneUnsafe(asked, Effect.void)
      }, (api) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(api.get("/x"))
          yield* Deferred.await(asked)
          yield* Fiber.interrupt(fiber)
          yield* Deferred.await(ended)
        }))
    }))
})

const collect = (api: KubeApi["Service"]) =>
  Effect.scoped(Effect.flatMap(api.watch("/api/v1/pods", { resourceVersion: "7" }), Stream.runCollect))

describe("watches", () => {
  it.live("are lines of JSON, until the server ends them", () => {
    let url: string | undefined
    return against((request, response) => {
      url = request.url
      response.write("{\"type\":\"ADD")
      setImmediate(() => response.end("ED\"}\n\n{\"type\":\"BOOKMARK\"}\n"))
    }, (api) =>
      Effect.gen(function*() {
        assert.deepStrictEqual([...yield* collect(api)], [{ type: "ADDED" }, { type: "BOOKMARK" }])
        assert.strictEqual(url, "/api/v1/pods?resourceVersion=7&watch=true")
      }))
  })

  it.live.each<[string, Handler, string]>([
    ["cannot begin", (_, response) => answer(response, {}, 410), "gone"],
    ["break off", (_, response) => {
      response.write("{}\n", () => setImmediate(() => response.destroy()))
    }, "unreachable"],
    ["are nonsense", (_, response) => response.end("nonsense\n"), "malformed"]
  ])(
    "%s",
    ([, handler, reason]) =>
      against(
        handler,
        (api) => Effect.map(Effect.flip(collect(api)), (error) => assert.strictEqual(error.reason, reason))
      )
  )
})
