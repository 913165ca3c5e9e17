import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createHash } from "node:crypto"
import { makeApp, readText } from "../support/app.ts"

const parsePolicy = (response: Response) =>
  Object.fromEntries(
    response.headers.get("content-security-policy")!.split("; ").map((directive) => {
      const [name, ...values] = directive.split(" ")
      return [name, values.join(" ")]
    })
  )

const nothing = { "default-src": "'none'", "frame-ancestors": "'none'", "base-uri": "'none'", "form-action": "'none'" }

describe("/docs", () => {
  it.effect("runs only the scripts that it contains", () =>
    Effect.scoped(Effect.gen(function*() {
      const { request } = yield* makeApp()
      const response = yield* request("/docs")
      const policy = parsePolicy(response)
      const scripts = (yield* readText(response)).match(/(?<=<script>)[^]*?(?=<\/script>)/g)!
      assert.lengthOf(scripts, 2)
      assert.deepStrictEqual(policy, {
        ...nothing,
        "script-src": scripts.map((script) => `'sha256-${createHash("sha256").update(script).digest("base64")}'`).join(
          " "
        ),
        "style-src": "'unsafe-inline'",
        "img-src": "'self' data:",
        "font-src": "data:",
        "connect-src": "'self'"
      })
    })))

  it.effect("is made once", () =>
    Effect.scoped(Effect.gen(function*() {
      const { request } = yield* makeApp()
      for (const path of ["/docs", "/openapi.json"]) {
        const responses = yield* Effect.all([request(path), request(path)], { concurrency: 2 })
        // An answer that is not read uses a part of the limit for pages.
        yield* Effect.forEach(responses, readText)
        const [etag, other] = responses.map(({ headers }) => headers.get("etag"))
        assert.strictEqual(etag, other)
        const again = yield* request(path, { headers: { "if-none-match": etag! } })
        assert.strictEqual(again.status, 304)
        assert.strictEqual((yield* request(path, { method: "HEAD" })).headers.get("etag"), etag)
      }
    })))
})

describe("all other answers", () => {
  it.effect("allow a browser nothing", () =>
    Effect.scoped(Effect.gen(function*() {
      const { request } = yield* makeApp()
      for (const path of ["/openapi.json", "/health", "/apiv1/cores", "/apiv1/watch?limit=x", "/nothing"]) {
        assert.deepStrictEqual(parsePolicy(yield* request(path)), nothing, path)
      }
    })))
})
