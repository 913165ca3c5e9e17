import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { KubeApi, layerKubeApi } from "../../src/index.ts"
import { answer, config, serve, writeKubeconfig } from "../support/server.ts"

const readMessage = (text: string, context?: string) =>
  Effect.gen(function*() {
    const kubeconfig = yield* writeKubeconfig(text)
    const { message } = yield* Effect.flip(Layer.build(layerKubeApi({ kubeconfig, context })))
    return message.replace(kubeconfig, "FILE")
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("an invalid kubeconfig", () => {
  it.live.each<[string, string, string | undefined, string]>([
    ["an existing context", config("https://a"), "three", "The kubeconfig FILE has no context \"three\"."],
    ["an existing user", config("https://a"), "no-user", "The kubeconfig FILE has no user \"x\"."],
    ["an existing cluster", config("https://a"), "no-cluster", "The kubeconfig FILE has no cluster \"x\"."],
    ["a valid server URL", config("nonsense"), undefined, "The kubeconfig FILE has no valid server URL."],
    [
      "verification of the server",
      config("https://a", { cluster: { "insecure-skip-tls-verify": true } }),
      undefined,
      "The kubeconfig FILE sets insecure-skip-tls-verify, which koredump does not support. Set certificate-authority instead."
    ],
    [
      "TLS",
      config("http://192.0.2.1:8080"),
      undefined,
      "The kubeconfig FILE has a server URL without TLS. Use https, or http on localhost."
    ]
  ])(
    "fails without %s",
    ([, text, context, expected]) =>
      Effect.map(readMessage(text, context), (message) => assert.strictEqual(message, expected))
  )

  it.live("is not quoted in the message", () =>
    Effect.gen(function*() {
      const message = yield* readMessage("users: [{name: u, user: {token: s3cr3t}}\n  : [")
      assert.include(message, "cannot be read: invalid YAML")
      assert.notInclude(message, "s3cr3t")
    }))

  it.live("fails without a file", () =>
    Effect.gen(function*() {
      const { message } = yield* Effect.flip(Layer.build(layerKubeApi({ kubeconfig: "/nowhere/config" })))
      assert.include(message, "The kubeconfig /nowhere/config cannot be read: ENOENT")
    }).pipe(Effect.scoped))
})

/** Sends requests that are all rejected. Rewrites the kubeconfig after each. Returns the tokens. */
const sendRejected = (rewrite: (server: string, n: number) => string) =>
  Effect.gen(function*() {
    const tokens: Array<unknown> = []
    const server = yield* serve((request, response) => {
      tokens.push(request.headers.authorization)
      answer(response, {}, 401)
    })
    const fs = yield* FileSystem.FileSystem
    const kubeconfig = yield* writeKubeconfig(config(server))
    yield* KubeApi.use((api) =>
      Effect.gen(function*() {
        for (let n = 1; n <= 3; n++) {
          yield* Effect.flip(api.get("/x"))
          yield* fs.writeFileString(kubeconfig, rewrite(server, n))
        }
      })
    ).pipe(Effect.provide(layerKubeApi({ kubeconfig })))
    return tokens
  }).pipe(Effect.scoped, Effect.provide(NodeServices.layer))

describe("a kubeconfig that changes after a rejected token", () => {
  it.live("is read at most once in 10 seconds", () =>
    Effect.map(
      sendRejected((server, n) => config(server, { token: `renewed-${n}` })),
      (tokens) => assert.deepStrictEqual(tokens, ["Bearer s3cr3t", "Bearer renewed-1", "Bearer renewed-1"])
    ))

  it.live("is ignored if it has another server: that one must not receive the requests of the first", () =>
    Effect.map(
      sendRejected(() => config("https://other.example", { token: "renewed" })),
      (tokens) => assert.deepStrictEqual(tokens, ["Bearer s3cr3t", "Bearer s3cr3t", "Bearer s3cr3t"])
    ))
})

describe("an exec plugin", () => {
  it.live("runs once", () =>
    Effect.gen(function*() {
      const server = yield* serve((request, response) => answer(response, request.headers.authorization))
      const fs = yield* FileSystem.FileSystem
      const runs = yield* fs.makeTempFileScoped()
      const script = `require("fs").appendFileSync(${JSON.stringify(runs)}, "x");
        console.log(JSON.stringify({ status: { token: "of the plugin" } }))`
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args: ["-e", script] }
      const kubeconfig = yield* writeKubeconfig(
        config(server).replace("{\"token\":\"s3cr3t\"}", JSON.stringify({ exec }))
      )
      yield* Effect.gen(function*() {
        const api = yield* KubeApi
        const answers = yield* Effect.all([api.get("/x"), api.get("/x"), api.create("/x", {})], {
          concurrency: "unbounded"
        })
        assert.deepStrictEqual([...new Set(answers)], ["Bearer of the plugin"])
      }).pipe(Effect.provide(layerKubeApi({ kubeconfig })))
      assert.strictEqual(yield* fs.readFileString(runs), "x")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("fails the first request with the reason", () =>
    Effect.gen(function*() {
      const exec = { apiVersion: "client.authentication.k8s.io/v1", command: "/nowhere/plugin", args: [] }
      const text = config("https://192.0.2.1").replace("{\"token\":\"s3cr3t\"}", JSON.stringify({ exec }))
      const kubeconfig = yield* writeKubeconfig(text)
      const error = yield* Effect.flip(KubeApi.use((api) => api.get("/x"))).pipe(
        Effect.provide(layerKubeApi({ kubeconfig }))
      )
      assert.strictEqual(error.reason, "unauthorized")
      assert.include(error.message, "Cannot get credentials for https://192.0.2.1: spawn /nowhere/plugin ENOENT")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
