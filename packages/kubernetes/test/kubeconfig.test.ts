import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer } from "effect"
import { KubeApi, layerKubeApi } from "../src/index.ts"
import { answer, config, serve, written } from "./support/server.ts"

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
})

describe("an exec plugin", () => {
  it.live("is run once", () =>
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

  it.live("says why it fails, at the first request", () =>
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
