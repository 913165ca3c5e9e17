import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { KubeApi, type KubeConfigOptions, layerKubeApi } from "../../src/index.ts"
import { answer, config, type Handler, serve, writeKubeconfig } from "../support/server.ts"

/** Runs a test against a fake Kubernetes API. */
const withApi = <A, E>(
  handler: Handler,
  use: (api: KubeApi["Service"], path: string) => Effect.Effect<A, E, Scope.Scope | FileSystem.FileSystem>,
  options: KubeConfigOptions = {}
) =>
  Effect.gen(function*() {
    const kubeconfig = yield* writeKubeconfig(config(yield* serve(handler)))
    return yield* KubeApi.use((api) => use(api, kubeconfig)).pipe(
      Effect.provide(layerKubeApi({ kubeconfig, ...options }))
    )
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("requests", () => {
  it.live("send the token, the query and no trace headers", () => {
    const seen: Array<unknown> = []
    return withApi((request, response) => {
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

  it.live("use another context of the kubeconfig", () =>
    withApi((request, response) => answer(response, request.headers.authorization), (api) =>
      Effect.gen(function*() {
        assert.strictEqual(yield* api.get("/x"), "Bearer other")
        assert.isUndefined(api.namespace)
      }), { context: "two" }))

  it.live("send JSON over one connection", () => {
    const ports = new Set<unknown>()
    return withApi((request, response) => {
      ports.add(request.socket.remotePort)
      let body = ""
      request.on("data", (chunk) => {
        body += chunk
      }).on("end", () => answer(response, { received: JSON.parse(body), type: request.headers["content-type"] }, 201))
    }, (api) =>
      Effect.gen(function*() {
        for (let i = 0; i < 5; i++) {
          assert.deepStrictEqual(yield* api.create("/apis/x", { i }), { received: { i }, type: "application/json" })
        }
        assert.strictEqual(ports.size, 1)
      }))
  })

  it.live("are sent again if the server has closed a kept connection", () => {
    let count = 0
    return withApi((request, response) => {
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
  ])("fail for status %d: %s", ([status, reason]) =>
    withApi((request, response) => {
      if (request.url === "/elsewhere") return answer(response, "redirect followed")
      response.setHeader("location", "/elsewhere")
      answer(response, { kind: "Status", message: "user \"koredump\"\ncannot list" }, Number(status))
    }, (api) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(api.get("/x"))
        assert.strictEqual(error.reason, reason)
        assert.strictEqual(
          error.message,
          `The Kubernetes API at ${api.server} returned ${status}${
            status === 403 ? ": user \"koredump\" cannot list" : ""
          }.`
        )
      })))

  it.live("fail if the answer is not JSON", () =>
    withApi(
      (_, response) => response.end("<html>"),
      (api) => Effect.map(Effect.flip(api.get("/x")), ({ reason }) => assert.strictEqual(reason, "malformed"))
    ))

  it.live.each<[string, string, string]>([
    ["nested too deeply", "[".repeat(100_000), "sent an answer with nesting deeper than 64 levels"],
    ["of too many values", `[${"[],".repeat(5_000_000)}[]]`, "sent an answer with more than 4194304 values"],
    ["announced as too long", "", "sent an answer with more than 67108864 bytes"]
  ])("fail for an answer %s", ([, text, what]) =>
    withApi((_, response) => {
      if (text !== "") return response.end(text)
      response.writeHead(200, { "content-length": String(2 ** 40) })
      response.write("[")
    }, (api) =>
      Effect.map(Effect.flip(api.get("/x")), ({ message, reason }) => {
        assert.strictEqual(reason, "malformed")
        assert.strictEqual(message, `The Kubernetes API at ${api.server} ${what}.`)
      })))

  it.live("accept less in the answer to a review than in a list", () =>
    withApi(
      (_, response) => response.end(JSON.stringify("x".repeat(2 * 1024 * 1024))),
      (api) =>
        Effect.gen(function*() {
          yield* api.get("/x")
          assert.include((yield* Effect.flip(api.create("/x", {}))).message, "with more than 1048576 bytes")
        })
    ))

  it.live("fail if nothing listens at the address", () =>
    Effect.gen(function*() {
      const gone = yield* Effect.scoped(serve(() => {}))
      const kubeconfig = yield* writeKubeconfig(config(gone))
      const error = yield* Effect.flip(KubeApi.use((api) => api.create("/x", {}))).pipe(
        Effect.provide(layerKubeApi({ kubeconfig }))
      )
      assert.strictEqual(error.message, `Cannot reach the Kubernetes API at ${gone} (ECONNREFUSED).`)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("read the kubeconfig again after its token was rejected", () =>
    withApi((request, response) => {
      const isValid = request.headers.authorization === "Bearer renewed"
      answer(response, isValid, isValid ? 200 : 401)
    }, (api, path) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(api.get("/x"))
        assert.notInclude(JSON.stringify(error), "s3cr3t")
        yield* FileSystem.FileSystem.use((fs) => fs.writeFileString(path, config(api.server, { token: "renewed" })))
        assert.isTrue(yield* api.get("/x"))
      })))

  it.effect("time out", () =>
    Effect.gen(function*() {
      const received = yield* Deferred.make<void>()
      yield* withApi(() => Deferred.doneUnsafe(received, Effect.void), (api) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(Effect.flip(api.create("/x", {})))
          yield* Deferred.await(received)
          yield* TestClock.adjust("10 seconds")
          assert.strictEqual((yield* Fiber.join(fiber)).reason, "timeout")
        }))
    }))

  it.live("are closed when their fiber is interrupted", () =>
    Effect.gen(function*() {
      const received = yield* Deferred.make<void>()
      const ended = yield* Deferred.make<void>()
      yield* withApi((request) => {
        request.socket.on("close", () => Deferred.doneUnsafe(ended, Effect.void))
        Deferred.doneUnsafe(received, Effect.void)
      }, (api) =>
        Effect.gen(function*() {
          const fiber = yield* Effect.forkChild(api.get("/x"))
          yield* Deferred.await(received)
          yield* Fiber.interrupt(fiber)
          yield* Deferred.await(ended)
        }))
    }))
})

const collect = (api: KubeApi["Service"]) =>
  Effect.scoped(Effect.flatMap(api.watch("/api/v1/pods", { resourceVersion: "7" }), Stream.runCollect))

describe("watches", () => {
  it.live("are lines of JSON until the server ends them", () => {
    let url: string | undefined
    return withApi((request, response) => {
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
    ["the server rejects it", (_, response) => answer(response, {}, 410), "gone"],
    ["the connection is lost", (_, response) => {
      response.write("{}\n", () => setImmediate(() => response.destroy()))
    }, "unreachable"],
    ["a line is not JSON", (_, response) => response.end("nonsense\n"), "malformed"],
    ["a line is nested too deeply", (_, response) => response.write(`{"a":${"[".repeat(100_000)}\n`), "malformed"],
    ["a line has too many values", (_, response) => response.write(`[${"0,".repeat(600_000)}0]\n`), "malformed"],
    ["a line never ends", (_, response) => response.write("x".repeat(9 * 1024 * 1024)), "malformed"]
  ])(
    "fail if %s",
    ([, handler, reason]) =>
      withApi(
        handler,
        (api) => Effect.map(Effect.flip(collect(api)), (error) => assert.strictEqual(error.reason, reason))
      )
  )
})
