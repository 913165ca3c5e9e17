import { assert, describe, it } from "@effect/vitest"
import { CoreSource } from "@koredump/core"
import { Effect, Layer } from "effect"
import { type App, makeApp, readProblem, readProblemCode, readText } from "../support/app.ts"

const broken = (layer: Layer.Layer<CoreSource>) =>
  Layer.effect(
    CoreSource,
    Effect.map(
      CoreSource,
      (source) => ({ ...source, list: () => Effect.die(new Error("/etc/secret cannot be parsed")) })
    )
  ).pipe(Layer.provide(layer))

const withApp = <A>(use: (app: App) => Effect.Effect<A>, settings?: Parameters<typeof makeApp>[0]) =>
  Effect.flatMap(makeApp(settings), use)

describe("layerErrors", () => {
  it.effect.each(
    [
      ["GET", "/", 404],
      ["GET", "/nothing", 404],
      ["GET", "/apiv1", 404],
      ["GET", "/apiv1/cores/download", 404],
      ["GET", "/apiv1/cores/download/a/b/c", 404],
      ["GET", "/apiv1/cores/download/a%E0%A4%A", 404],
      ["GET", "/apiv1/cores/download/%", 404],
      ["GET", `/apiv1/cores/download/${"a".repeat(5000)}`, 404],
      ["GET", "/apiv1/cores;namespace=a", 404],
      ["POST", "/nothing", 404],
      ["POST", "//apiv1/cores", 405],
      ["POST", "/apiv1/cores", 405],
      ["PUT", "/health", 405],
      ["OPTIONS", "/apiv1/watch", 405],
      ["GET", "/apiv1/cores/delete/node-1/id", 405],
      ["DELETE", "/apiv1/cores/metadata/node-1/id", 405]
    ] as const
  )("answers %s %s with a problem", ([method, path, status]) =>
    withApp(({ request }) =>
      Effect.gen(function*() {
        const response = yield* request(path, { method })
        const problem = yield* readProblem(response)
        assert.include(problem, { status, instance: path })
        assert.strictEqual(
          problem["type"],
          `https://koredump.dev/problems/${status === 404 ? "not-found" : "method-not-allowed"}`
        )
        if (status === 405) {
          const allow = (problem["allow"] as ReadonlyArray<string>).join(", ")
          assert.strictEqual(response.headers.get("allow"), allow)
          assert.strictEqual(problem["detail"], `Method ${method} is not allowed (allowed: ${allow}).`)
        } else assert.isFalse(response.headers.has("allow"))
      })
    ))

  it.effect("forbids MIME sniffing and resources of other sites in all responses", () =>
    withApp(({ request }) =>
      Effect.gen(function*() {
        for (const path of ["/docs", "/openapi.json", "/health", "/apiv1/cores", "/nothing"]) {
          const response = yield* request(path)
          // An answer that is not read uses a part of the limit for pages.
          yield* readText(response)
          const { headers } = response
          assert.strictEqual(headers.get("x-content-type-options"), "nosniff", path)
          assert.notMatch(headers.get("content-security-policy")!, /https?:|\*/, path)
        }
        const page = yield* Effect.flatMap(request("/docs"), readText)
        assert.include(page, "\"withDefaultFonts\":false")
        assert.notMatch(page, /<(?:script|link|img)\b[^>]*\b(?:src|href)=/)
      })
    ))

  it.effect("sends no body for HEAD", () =>
    withApp(({ request }) =>
      Effect.gen(function*() {
        const response = yield* request("/nothing", { method: "HEAD" })
        assert.strictEqual(response.status, 404)
        assert.strictEqual(yield* readText(response), "")
      })
    ))

  it.effect("answers 404 for invalid core IDs", () =>
    withApp(({ request }) =>
      Effect.gen(function*() {
        for (
          const id of ["x", "core.x", "..%2f..%2fetc%2fpasswd", "%00", "%E2%82%AC", "a%2Fb", "constructor"]
        ) {
          for (const path of [`metadata/node-1/${id}`, `metadata/${id}`, `download/node-1/${id}`]) {
            assert.strictEqual(yield* readProblemCode(yield* request(`/apiv1/cores/${path}`)), "core-not-found", path)
          }
        }
      })
    ))

  it.effect("logs the cause of a defect, and responds with the request ID only", () =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      yield* withApp(({ request }) =>
        Effect.gen(function*() {
          const response = yield* request("/apiv1/cores", { headers: { "x-request-id": "my-id" } })
          const problem = yield* readProblem(response)
          assert.include(problem, { status: 500, requestId: "my-id" })
          assert.strictEqual(problem["detail"], "Internal error. Search the server's log for request my-id.")
          assert.strictEqual(response.headers.get("x-request-id"), "my-id")
          assert.notInclude(JSON.stringify(problem), "secret")
        }), { around: broken, log: (line) => lines.push(line) })
      const line = lines.find((line) => line.includes("/etc/secret"))
      assert.include(line, "my-id")
    }))

  it.effect("sends the ID of the request, which is that of the client if it is valid", () =>
    withApp(({ request }) =>
      Effect.gen(function*() {
        const getId = Effect.fnUntraced(function*(id: string) {
          const { headers } = yield* request("/health", { headers: { "x-request-id": id } })
          return headers.get("x-request-id")
        })
        assert.strictEqual(yield* getId("a-Valid.id:1_2"), "a-Valid.id:1_2")
        for (const invalid of ["", "with space", "{\"a\":1}", "a".repeat(129)]) {
          assert.match((yield* getId(invalid))!, /^[0-9a-f-]{36}$/)
        }
      })
    ))
})
