import { assert, describe, it } from "@effect/vitest"
import { Authenticator, Authorizer, type NodeStatus } from "@koredump/core"
import { Effect, Layer } from "effect"
import { layerNoAuthorization } from "../src/index.ts"
import { bodyOf, call, downloadUrl, loopback, serve, type Served, until } from "./served.ts"

/** The address of the ops port. */
const opsOf = Effect.fnUntraced(function*({ log }: Served) {
  const address = () => /Probes and metrics at (\S+)/.exec(log.map(({ message }) => String(message)).join("\n"))?.[1]
  yield* until(() => address() !== undefined)
  return address()!
})

describe("the ops port", () => {
  const status = { name: "node-1", since: "2023-11-14T22:13:20Z", cores: 0, bytes: 0 } as const

  it.live("liveness, readiness in words, metrics", () =>
    Effect.gen(function*() {
      let nodes: ReadonlyArray<NodeStatus> = [{ ...status, state: "syncing" }]
      const served = yield* serve({ opsListen: loopback, nodes: () => nodes })
      const ops = yield* opsOf(served)
      const text = (path: string) =>
        Effect.flatMap(call(`${ops}${path}`), (response) =>
          Effect.map(bodyOf(response), (body) => [response.statusCode, body!.toString()] as const))
      assert.deepStrictEqual(yield* text("/livez"), [200, "ok\n"])
      assert.deepStrictEqual(yield* text("/readyz"), [503, "not ready: node-1 is syncing\n"])
      nodes = [{ ...status, state: "ready", warnings: ["there is no journal"] }]
      assert.deepStrictEqual(yield* text("/readyz"), [200, "ready\nwarning: node-1: there is no journal\n"])
      yield* bodyOf(yield* call(downloadUrl(served)))
      yield* bodyOf(yield* call(`${served.url}/nothing/at/all`))
      yield* until(() =>
        served.log.filter(({ message }) => message === "request").length === 2
      )
      const [, metrics] = yield* text("/metrics")
      assert.match(metrics, /koredump_http_requests_total\{[^}]*route="\/apiv1\/cores\/download\/:node\/:id"[^}]*\} 1/)
      assert.match(metrics, /koredump_http_requests_total\{[^}]*route="unknown"[^}]*\} 1/)
      assert.match(metrics, /koredump_download_bytes_total \d+/)
      assert.match(metrics, /koredump_downloads_running 0/)
      assert.strictEqual((yield* call(`${ops}/livez`, { method: "POST" })).statusCode, 405)
      assert.strictEqual((yield* call(`${ops}/apiv1/cores`)).statusCode, 404)
    }))

  it.live("says once what those lack who know the callers and what they may, while they lack it", () =>
    Effect.gen(function*() {
      let degradedReason: string | undefined = "the API server is away"
      const asked = { degradedReason: Effect.sync(() => degradedReason) }
      const served = yield* serve({
        opsListen: loopback,
        authorization: Layer.mergeAll(
          layerNoAuthorization,
          Layer.succeed(Authenticator, { ...asked, authenticate: () => Effect.die("not asked") }),
          Layer.succeed(Authorizer, { ...asked, isAllowed: () => Effect.succeed(true) })
        )
      })
      const ops = yield* opsOf(served)
      const readyz = Effect.flatMap(
        call(`${ops}/readyz`),
        (response) => Effect.map(bodyOf(response), (body) => [response.statusCode, body!.toString()])
      )
      assert.deepStrictEqual(yield* readyz, [200, "ready\nwarning: the API server is away\n"])
      degradedReason = undefined
      assert.deepStrictEqual(yield* readyz, [200, "ready\n"])
    }))
})
