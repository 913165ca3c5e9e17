import { assert, describe, it } from "@effect/vitest"
import { Authenticator, Authorizer, type NodeStatus } from "@koredump/core"
import { Effect, Layer } from "effect"
import { layerNoAuthorization } from "../../src/index.ts"
import { call, downloadUrl, loopback, readBody, serve, until } from "../support/httpServer.ts"

describe("the ops port", () => {
  const status = { name: "node-1", since: "2023-11-14T22:13:20Z", cores: 0, bytes: 0 } as const

  it.live("answers liveness, readiness and metrics", () =>
    Effect.gen(function*() {
      let nodes: ReadonlyArray<NodeStatus> = [{ ...status, state: "syncing" }]
      const served = yield* serve({ opsListen: loopback, nodes: () => nodes })
      const ops = yield* served.opsUrl
      const text = (path: string) =>
        Effect.flatMap(call(`${ops}${path}`), (response) =>
          Effect.map(readBody(response), (body) => [response.statusCode, body!.toString()] as const))
      assert.deepStrictEqual(yield* text("/livez"), [200, "ok\n"])
      assert.deepStrictEqual(yield* text("/readyz"), [503, "not ready: node-1 is syncing\n"])
      nodes = [{ ...status, state: "ready", warnings: ["Journal not found."] }]
      assert.deepStrictEqual(yield* text("/readyz"), [200, "ready\nwarning: node-1: Journal not found.\n"])
      yield* readBody(yield* call(downloadUrl(served)))
      yield* readBody(yield* call(`${served.url}/nothing/at/all`))
      yield* until(() =>
        served.log.filter(({ message }) => message === "request").length === 2
      )
      const [, metrics] = yield* text("/metrics")
      assert.match(metrics, /koredump_http_requests_total\{[^}]*route="\/apiv1\/cores\/download\/:node\/:id"[^}]*\} 1/)
      assert.match(metrics, /koredump_http_requests_total\{[^}]*route="unknown"[^}]*\} 1/)
      assert.match(metrics, /koredump_download_bytes_total \d+/)
      assert.match(metrics, /koredump_requests_running\{kind="download"\} 0/)
      assert.strictEqual((yield* call(`${ops}/livez`, { method: "POST" })).statusCode, 405)
      assert.strictEqual((yield* call(`${ops}/apiv1/cores`)).statusCode, 404)
    }))

  it.live("warns once while authentication and authorization are degraded for the same reason", () =>
    Effect.gen(function*() {
      let degradedReason: string | undefined = "Requests are rejected, access reviews fail: timed out"
      const degraded = { degradedReason: Effect.sync(() => degradedReason) }
      const served = yield* serve({
        opsListen: loopback,
        authorization: Layer.mergeAll(
          layerNoAuthorization,
          Layer.succeed(Authenticator, { ...degraded, authenticate: () => Effect.die("not called") }),
          Layer.succeed(Authorizer, { ...degraded, isAllowed: () => Effect.succeed(true) })
        )
      })
      const ops = yield* served.opsUrl
      const readyz = Effect.flatMap(
        call(`${ops}/readyz`),
        (response) => Effect.map(readBody(response), (body) => [response.statusCode, body!.toString()])
      )
      assert.deepStrictEqual(yield* readyz, [
        200,
        "ready\nwarning: Requests are rejected, access reviews fail: timed out\n"
      ])
      degradedReason = undefined
      assert.deepStrictEqual(yield* readyz, [200, "ready\n"])
    }))
})
