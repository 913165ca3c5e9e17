import { assert, describe, it } from "@effect/vitest"
import type { NodeStatus } from "@koredump/core"
import { Effect } from "effect"
import { bodyOf, call, downloadUrl, loopback, serve, until } from "./served.ts"

describe("the ops port", () => {
  const status = { name: "node-1", since: "2023-11-14T22:13:20Z", cores: 0, bytes: 0 } as const

  it.live("liveness, readiness in words, metrics", () =>
    Effect.gen(function*() {
      let nodes: ReadonlyArray<NodeStatus> = [{ ...status, state: "syncing" }]
      const served = yield* serve({ opsListen: loopback, nodes: () => nodes })
      const ops = () =>
        /Probes and metrics at (\S+)/.exec(served.log.map(({ message }) => String(message)).join("\n"))?.[1]
      yield* until(() => ops() !== undefined)
      const text = (path: string) =>
        Effect.flatMap(call(`${ops()}${path}`), (response) =>
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
      assert.strictEqual((yield* call(`${ops()}/livez`, { method: "POST" })).statusCode, 405)
      assert.strictEqual((yield* call(`${ops()}/apiv1/cores`)).statusCode, 404)
    }))
})
