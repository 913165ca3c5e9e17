import { assert, describe, it } from "@effect/vitest"
import {
  Authenticator,
  layerAllowAll,
  maxTokenLength,
  NotReady,
  type TokenOrigin,
  TooManyRequests,
  Unauthorized
} from "@koredump/core"
import { Effect, Layer, Redacted } from "effect"
import { layerTokenAuthorization } from "../../src/index.ts"
import { makeApp, readProblemCode } from "../support/app.ts"
import { call, readBody, serve } from "../support/httpServer.ts"

const authorization = layerTokenAuthorization.pipe(Layer.provide(
  Layer.succeed(Authenticator, {
    authenticate: (token) => {
      switch (Redacted.value(token)) {
        case "good":
          return Effect.succeed({ username: "ann", groups: [] })
        case "flooded":
          return Effect.fail(new TooManyRequests({}))
        case "unknown":
          return Effect.fail(new NotReady({}))
        default:
          return Effect.fail(new Unauthorized({}))
      }
    }
  })
))

const protectedPaths = [
  ["GET", "/apiv1/cores"],
  ["GET", "/apiv1/cores?colour=red"],
  ["GET", "/apiv1/watch"],
  ["GET", "/apiv1/watch?colour=red"],
  ["GET", "/apiv1/nodes"],
  ["GET", "/apiv1/cores/metadata/node-1/id"],
  ["GET", "/apiv1/cores/metadata/id"],
  ["GET", "/apiv1/cores/download/node-1/id"],
  ["GET", "/apiv1/cores/download/id"],
  ["DELETE", "/apiv1/cores/delete/node-1/id"],
  ["DELETE", "/apiv1/cores/delete/id"]
] as const

describe("layerTokenAuthorization", () => {
  it.effect.each(protectedPaths)("%s %s requires an accepted token", ([method, path]) =>
    Effect.gen(function*() {
      const { request } = yield* makeApp({ authorization })
      for (const header of [undefined, "", "Bearer", "Bearer ", "Bearer bad", "Basic Z29vZA==", "good", "Bearergood"]) {
        const response = yield* request(
          path,
          header === undefined ? { method } : {
            method,
            headers: { authorization: header }
          }
        )
        assert.strictEqual(response.headers.get("www-authenticate"), "Bearer", header)
        assert.strictEqual(yield* readProblemCode(response), "unauthorized", header)
      }
      const accepted = yield* request(path, { method, headers: { authorization: "bearer good" } })
      assert.notStrictEqual(accepted.status, 401)
      yield* Effect.promise(async () => accepted.body?.cancel())
    }))

  it.effect("answers 503, not 401, while tokens cannot be checked", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp({ authorization })
      const response = yield* request("/apiv1/cores", { headers: { authorization: "Bearer unknown" } })
      assert.isTrue(response.headers.has("retry-after"))
      assert.strictEqual(yield* readProblemCode(response), "not-ready")
    }))

  it.effect.each(protectedPaths)(
    "%s %s answers 429 if too many tokens come from the address",
    ([method, path]) =>
      Effect.gen(function*() {
        const { request } = yield* makeApp({ authorization })
        const response = yield* request(path, { method, headers: { authorization: "Bearer flooded" } })
        assert.strictEqual(response.headers.get("retry-after"), "1")
        assert.strictEqual(response.status, 429)
        assert.strictEqual(yield* readProblemCode(response), "too-many-requests")
      })
  )

  it.live("passes on the longest token, and the address of the connection, not that of a header", () =>
    Effect.gen(function*() {
      const origins: Array<TokenOrigin | undefined> = []
      const token = "x".repeat(maxTokenLength)
      const recording = layerTokenAuthorization.pipe(Layer.provide(Layer.succeed(Authenticator, {
        authenticate: (given, origin) => {
          assert.strictEqual(Redacted.value(given), token)
          origins.push(origin)
          return Effect.succeed({ username: "ann", groups: [] })
        }
      })))
      const { url } = yield* serve({ authorization: Layer.merge(recording, layerAllowAll) })
      const headers = { authorization: `Bearer ${token}`, "x-forwarded-for": "10.9.9.9", forwarded: "for=10.9.9.9" }
      const response = yield* call(`${url}/apiv1/cores`, { headers })
      assert.strictEqual(response.statusCode, 200)
      yield* readBody(response)
      assert.deepStrictEqual(origins, [{ remoteAddress: "127.0.0.1" }])
    }))

  it.effect.each(["/health", "/openapi.json", "/docs"])("%s requires no token", (path) =>
    Effect.gen(function*() {
      const { request } = yield* makeApp({ authorization })
      assert.strictEqual((yield* request(path)).status, 200)
      assert.strictEqual((yield* request(path, { method: "HEAD" })).status, 200)
    }))
})
