/** A core that a caller may not see must look like one that does not exist, whatever the method and the headers. */
import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type CoreRef } from "@koredump/core"
import { layerFakeAuthorizer } from "@koredump/core/testing"
import { Effect, Layer, Redacted } from "effect"
import { layerTokenAuthorization } from "../../src/index.ts"
import { type App, bytes, makeApp, readText } from "../support/app.ts"

const authorization = layerTokenAuthorization.pipe(Layer.provide(Layer.succeed(Authenticator, {
  authenticate: (token) => Effect.succeed({ username: Redacted.value(token), groups: [] })
})))

// ann can do everything in one namespace, bob with all cores. eve has no permission.
const authorizer = layerFakeAuthorizer([
  {
    user: "ann",
    verbs: ["list", "watch", "get", "delete"],
    resources: ["coredumps", "coredumps/content"],
    namespace: "shop"
  },
  {
    user: "bob",
    verbs: ["list", "watch", "get", "delete"],
    resources: ["coredumps", "coredumps/content", "nodecoredumps", "nodecoredumps/content"]
  }
])

const fields = { namespace: "bank", COREDUMP_ENVIRON: "SECRET=1", COREDUMP_HOSTNAME: "vault" }

const methods = ["GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "OPTIONS", "PROPFIND"]

const headers: ReadonlyArray<Readonly<Record<string, string>>> = [
  {},
  { accept: "*/*" },
  { accept: "text/html" },
  { accept: "application/octet-stream" },
  { "accept-encoding": "zstd, gzip" },
  { range: "bytes=0-0" },
  { range: "bytes=100-" },
  { range: "bytes=-1", "if-range": "\"x\"" },
  { "if-match": "*" },
  { "if-match": "\"x\"" },
  { "if-none-match": "*" },
  { "if-modified-since": "Thu, 01 Jan 2037 00:00:00 GMT" },
  { "if-unmodified-since": "Thu, 01 Jan 1970 00:00:00 GMT" },
  { "x-http-method-override": "DELETE" },
  { "x-original-url": "/apiv1/cores", "x-rewrite-url": "/apiv1/cores" },
  { "impersonate-user": "bob", "impersonate-group": "system:masters" },
  { "x-remote-user": "bob", "x-remote-group": "system:masters", "x-forwarded-user": "bob" },
  { cookie: "token=bob", "proxy-authorization": "Bearer bob" },
  { origin: "http://koredump.test", "sec-fetch-site": "same-origin" }
]

const paths = ({ id, node }: CoreRef) => [
  `/apiv1/cores/metadata/${node}/${id}`,
  `/apiv1/cores/metadata/${id}`,
  `/apiv1/cores/download/${node}/${id}`,
  `/apiv1/cores/download/${id}`,
  `/apiv1/cores/download/${node}/${id}?decompress=true`,
  `/apiv1/cores/delete/${node}/${id}`,
  `/apiv1/cores/delete/${id}`
]

const setUp = Effect.gen(function*() {
  const app = yield* makeApp({ authorization, authorizer, allowDelete: true })
  const hidden = yield* app.fake.put({ comm: "web", pid: 4242, content: bytes("payload"), fields })
  yield* app.fake.put({ comm: "web", pid: 1, content: bytes("1"), fields: { namespace: "shop" } })
  const absent: CoreRef = { node: hidden.node, id: hidden.id.replace(".4242.", ".4343.") as typeof hidden.id }
  return { app, hidden, absent }
})

/** Everything of an answer that could differ. */
const observe = (app: App, path: string, init: RequestInit) =>
  Effect.gen(function*() {
    const response = yield* app.request(path, init)
    const answered = Object.fromEntries([...response.headers].filter(([name]) => name !== "x-request-id"))
    return { status: response.status, headers: answered, body: (yield* readText(response)).replaceAll("4343", "4242") }
  })

describe("a core that the caller may not see", () => {
  it.effect.each(methods)(
    "answers %s like one that does not exist, whatever the headers",
    (method) =>
      Effect.gen(function*() {
        const { absent, app, hidden } = yield* setUp
        for (const user of ["ann", "eve"]) {
          for (const given of headers) {
            const init = { method, headers: { ...given, authorization: `Bearer ${user}` } }
            for (const [i, path] of paths(hidden).entries()) {
              const answer = yield* observe(app, path, init)
              assert.deepStrictEqual(
                answer,
                yield* observe(app, paths(absent)[i]!, init),
                `${user} ${method} ${path} ${JSON.stringify(given)}`
              )
              assert.include([404, 405], answer.status)
              assert.notMatch(JSON.stringify(answer), /SECRET|vault|bank|payload/)
            }
          }
        }
        // Nothing was deleted.
        const { status } = yield* observe(app, paths(hidden)[2]!, { headers: { authorization: "Bearer bob" } })
        assert.strictEqual(status, 200)
      })
  )

  it.effect("answers 404 to the methods of each path", () =>
    Effect.gen(function*() {
      const { app, hidden } = yield* setUp
      for (const path of paths(hidden)) {
        const method = path.includes("/delete/") ? "DELETE" : "GET"
        assert.strictEqual(
          (yield* observe(app, path, { method, headers: { authorization: "Bearer ann" } })).status,
          404
        )
      }
    }))

  it.effect.each(headers)("is in no list and no watch, with the headers %j", (given) =>
    Effect.gen(function*() {
      const { app, hidden } = yield* setUp
      const init = { headers: { ...given, authorization: "Bearer ann" } }
      for (
        const query of ["", `?id=${hidden.id}`, "?q=vault", "?comm=web", "?state=any&sort=size&order=desc", "?pod=x"]
      ) {
        assert.notInclude((yield* observe(app, `/apiv1/cores${query}`, init)).body, "4242", query)
      }
      const { status } = yield* observe(app, "/apiv1/cores?namespace=bank", init)
      assert.strictEqual(status, 403)
      assert.deepStrictEqual(
        yield* observe(app, "/apiv1/cores?namespace=bank", init),
        yield* Effect.map(observe(app, "/apiv1/cores?namespace=none", init), (answer) => ({
          ...answer,
          headers: { ...answer.headers },
          body: answer.body.replaceAll("none", "bank")
        }))
      )
    }))
})
