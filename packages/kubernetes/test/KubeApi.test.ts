import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Layer, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { KubeApi, type KubeConfigOptions, layerKubeApi } from "../src/index.ts"

type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** Serves on a free port of this host. */
const serve = (handler: Handler): Effect.Effect<string, never, Scope.Scope> =>
  Effect.map(
    Effect.acquireRelease(
      Effect.callback<ReturnType<typeof createServer>>((resume) => {
        const server = createServer(handler)
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      }),
      (server) =>
        Effect.callback<void>((resume) => {
          server.close(() => resume(Effect.void))
          server.closeAllConnections()
        })
    ),
    (server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  )

const config = (server: string, { cluster = {}, token = "s3cr3t" }: { token?: string; cluster?: object } = {}) =>
  JSON.stringify({
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{ name: "c", cluster: { server, ...cluster } }],
    "users": [{ name: "u", user: { token } }, { name: "v", user: { token: "other" } }],
    "contexts": [
      { name: "one", context: { cluster: "c", user: "u", namespace: "koredump" } },
      { name: "two", context: { cluster: "c", user: "v" } },
      { name: "no-user", context: { cluster: "c", user: "x" } },
      { name: "no-cluster", context: { cluster: "x", user: "u" } }
    ],
    "current-context": "one"
  })

/** Writes a kubeconfig, tells its path. */
const written = Effect.fnUntraced(function*(text: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* fs.makeTempFileScoped()
  yield* fs.writeFileString(path, text)
  return path
})

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

const answer = (response: ServerResponse, body: unknown, status = 200) =>
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body))

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

  it.live("by an exec plugin, which is run once", () =>
    Effect.gen(function*() {
      const server = yield* serve((request, response) => answer(response, request.headers.authorization))
      const fs = yield* FileSystem.FileSystem
      const runs = yield* fs.makeTempFileScoped()
      const script = `require("fs").appendFileSync(${JSON.stringify(runs)}, "x");
        console.log(JSON.stringify({ status: { token: "of the plugin" } }))`
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", script] }
      const kubeconfig = yield* written(config(server).replace("{\"token\":\"s3cr3t\"}", JSON.stringify({ exec })))
      yield* Effect.gen(function*() {
        const api = yield* KubeApi
        const answers = yield* Effect.all([api.get("/x"), api.get("/x"), api.create("/x", {})], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([...new Set(answers)], ["Bearer of the plugin"])
      }).pipe(Effect.provide(layerKubeApi({ kubeconfig })))
      assert.strictEqual(yield* fs.readFileString(runs), "x")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

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

const failureOf = (text: string, context?: string) =>
  Effect.gen(function*() {
    const kubeconfig = yield* written(text)
    const { message } = yield* Effect.flip(Layer.build(layerKubeApi({ kubeconfig, context })))
    return message.replace(kubeconfig, "FILE")
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("a kubeconfig that cannot be used", () => {
  it.live.each<[string, string, string | undefined, string]>([
    ["context", config("https://a"), "three", "The kubeconfig FILE has no context \"three\"."],
    ["user", config("https://a"), "no-user", "The kubeconfig FILE has no user \"x\"."],
    ["cluster", config("https://a"), "no-cluster", "The kubeconfig FILE has no cluster \"x\"."],
    ["address", config("nonsense"), undefined, "The kubeconfig FILE has no valid address of the API server."],
    [
      "verification",
      config("https://a", { cluster: { "insecure-skip-tls-verify": true } }),
      undefined,
      "The kubeconfig FILE says insecure-skip-tls-verify: the API server is always verified, give its CA instead."
    ],
    [
      "encryption",
      config("http://192.0.2.1:8080"),
      undefined,
      "The kubeconfig FILE has an API server that is reached neither by https nor on loopback."
    ]
  ])(
    "no %s",
    ([, text, context, expected]) =>
      Effect.map(failureOf(text, context), (message) => assert.strictEqual(message, expected))
  )

  it.live("what it holds is not in the message", () =>
    Effect.gen(function*() {
      const message = yield* failureOf("users: [{name: u, user: {token: s3cr3t}}\n  : [")
      assert.include(message, "cannot be used: it is no YAML")
      assert.notInclude(message, "s3cr3t")
    }))

  it.live("no file", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(Layer.build(layerKubeApi({ kubeconfig: "/nowhere/config" })))
      assert.include(message, "The kubeconfig /nowhere/config cannot be used: ENOENT")
    }).pipe(Effect.scoped))

  it.live("an exec plugin that fails says why, at the first request", () =>
    Effect.gen(function*() {
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "/nowhere/plugin", args: [] }
      const text = config("https://192.0.2.1").replace("{\"token\":\"s3cr3t\"}", JSON.stringify({ exec }))
      const kubeconfig = yield* written(text)
      const error = yield* Effect.flip(KubeApi.use((api) => api.get("/x"))).pipe(
        Effect.provide(layerKubeApi({ kubeconfig }))
      )
      assert.strictEqual(error.reason, "unauthorized")
      assert.include(error.message, "No credentials for https://192.0.2.1: spawn /nowhere/plugin ENOENT")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
