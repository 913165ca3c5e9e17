import { assert, describe, it } from "@effect/vitest"
import { Authenticator, Authorizer, ClusterReadiness, type NodeStatus } from "@koredump/core"
import { Effect, Layer } from "effect"
import { layerNoAuthorization } from "../../src/index.ts"
import { call, downloadUrl, loopback, readBody, serve, type Settings, until } from "../support/httpServer.ts"

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
      assert.deepStrictEqual(yield* text("/readyz"), [503, "not ready: the cores are being read for the first time\n"])
      nodes = [{ ...status, state: "ready", warnings: ["Journal not found."] }]
      assert.deepStrictEqual(yield* text("/readyz"), [
        200,
        "ready\nwarning: The host has 1 problem. See the log or \"koredumpctl status\".\n"
      ])
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

  it.live("reveals no text of the components without a token", () =>
    Effect.gen(function*() {
      const secret = "https://10.0.0.1 system:serviceaccount:a:b core.web"
      const degraded = { degradedReason: Effect.succeed(secret) }
      const access = Layer.mergeAll(
        layerNoAuthorization,
        Layer.succeed(Authenticator, { ...degraded, authenticate: () => Effect.die("not called") }),
        Layer.succeed(Authorizer, { ...degraded, isAllowed: () => Effect.succeed(true) })
      )
      const readReady = Effect.fnUntraced(function*(settings: Settings) {
        const served = yield* serve({ opsListen: loopback, ...settings })
        return (yield* readBody(yield* call(`${yield* served.opsUrl}/readyz`)))!.toString()
      })
      const warnings = "warning: Authentication is degraded. See the log.\n" +
        "warning: Authorization is degraded. See the log.\n"
      assert.strictEqual(
        yield* readReady({
          authorization: access,
          nodes: () => [{ ...status, name: secret, state: "ready", warnings: [secret, secret] }]
        }),
        `ready\nwarning: The host has 2 problems. See the log or "koredumpctl status".\n${warnings}`
      )
      assert.strictEqual(
        yield* readReady({
          authorization: Layer.merge(
            access,
            Layer.succeed(ClusterReadiness, { ready: Effect.void, waiting: Effect.undefined, ...degraded })
          ),
          nodes: () => [
            { ...status, name: secret, state: "unreachable", lastError: secret, warnings: [secret] },
            { ...status, name: "node-2", state: "ready" }
          ]
        }),
        "ready\nwarning: Node discovery is degraded. See the log.\n" +
          `warning: 1 of 2 nodes unreachable. See "koredumpctl nodes".\n${warnings}`
      )
    }))

  it.live("on loopback answers no page of another site that resolves to this host", () =>
    Effect.gen(function*() {
      for (const [opsListen, status] of [[loopback, 403], [{ ...loopback, loopback: false }, 200]] as const) {
        const ops = yield* (yield* serve({ opsListen })).opsUrl
        for (const path of ["/livez", "/readyz", "/metrics"]) {
          assert.strictEqual((yield* call(`${ops}${path}`)).statusCode, 200)
          assert.strictEqual((yield* call(`${ops}${path}`, { headers: { host: "evil.example" } })).statusCode, status)
          const origin = { headers: { origin: "https://evil.example" } }
          assert.strictEqual((yield* call(`${ops}${path}`, origin)).statusCode, status)
        }
      }
    }))

  it.live("does not warn after a recovery", () =>
    Effect.gen(function*() {
      let degradedReason: string | undefined = "timed out"
      const served = yield* serve({
        opsListen: loopback,
        authorization: Layer.merge(
          layerNoAuthorization,
          Layer.succeed(Authenticator, {
            degradedReason: Effect.sync(() => degradedReason),
            authenticate: () => Effect.die("not called")
          })
        )
      })
      const ops = yield* served.opsUrl
      const readyz = Effect.map(Effect.flatMap(call(`${ops}/readyz`), readBody), String)
      assert.strictEqual(yield* readyz, "ready\nwarning: Authentication is degraded. See the log.\n")
      degradedReason = undefined
      assert.strictEqual(yield* readyz, "ready\n")
    }))
})
