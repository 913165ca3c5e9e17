/** The OpenAPI document is committed, and the server behaves as documented. */
import { assert, describe, expect, it } from "@effect/vitest"
import { Authenticator, type CoreRef, layerAllowAll, Unauthorized } from "@koredump/core"
import { FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { Effect, Layer, Redacted } from "effect"
import { HttpRouter } from "effect/http"
import { OpenApi } from "effect/http-api"
import { documentedApi } from "../../src/app/openApi.ts"
import { layerHttpApp, layerTokenAuthorization, routerConfig } from "../../src/index.ts"

interface Operation {
  readonly parameters?: ReadonlyArray<{ readonly name: string; readonly in: string }>
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>
}

const document = OpenApi.fromApi(documentedApi) as unknown as {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
}

const oneToken = Layer.succeed(Authenticator, {
  authenticate: (token) =>
    Redacted.value(token) === "secret"
      ? Effect.succeed({ username: "ann", groups: [] })
      : Effect.fail(new Unauthorized({}))
})

/** Makes an app with one stored core. `closed`: without any downloads, watches and deletion. */
const makeApp = async (closed: boolean) => {
  let ref: CoreRef | undefined
  const source = Layer.effectDiscard(Effect.gen(function*() {
    const fake = yield* FakeCores
    ref = yield* fake.put({ content: new TextEncoder().encode("0123456789"), compression: "zstd" })
  })).pipe(Layer.provideMerge(layerFakeCoreSource({ allowDelete: !closed })))
  const { dispose, handler } = HttpRouter.toWebHandler(
    layerHttpApp({ node: "node-1", ...(closed ? { maxDownloads: 0, maxWatches: 0 } : {}) }).pipe(
      Layer.provide(layerTokenAuthorization),
      Layer.provide([oneToken, source, layerAllowAll])
    ),
    { disableLogger: true, routerConfig }
  )
  await handler(new Request("http://koredump.test/health"))
  return { dispose, handler, ref: ref! }
}

const stored = "core.crashme.0.0123456789abcdef0123456789abcdef.4242.1700000000000000.zst"
const unknown = stored.replace("4242", "4243")

interface Try {
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: string
  readonly id?: string
  readonly closed?: boolean
}

const badQuery: Try = { query: "?colour=red" }
const noToken: Try = { headers: { authorization: "" } }
const notThere: Try = { id: unknown }
const closed: Try = { closed: true }

const downloads: ReadonlyArray<Try> = [{}, badQuery, noToken, notThere, { headers: { "if-none-match": "*" } }, {
  headers: { "if-match": "\"other\"" }
}]
const tries = {
  "get /apiv1/cores": [{}, badQuery, noToken],
  "get /apiv1/cores/metadata": [{}, badQuery, noToken, notThere],
  "get /apiv1/cores/download": [
    ...downloads,
    closed,
    { query: "?decompress=true" },
    { headers: { range: "bytes=2-3" } },
    { headers: { range: "bytes=10-" } }
  ],
  "head /apiv1/cores/download": downloads,
  "get /apiv1/watch": [
    {},
    { headers: { accept: "text/event-stream" } },
    { headers: { accept: "text/html" } },
    { query: "?resourceVersion=old" },
    badQuery,
    noToken,
    closed
  ],
  "delete /apiv1/cores/delete": [badQuery, noToken, closed, notThere, {}],
  "get /apiv1/nodes": [{}, badQuery, noToken],
  "get /health": [{}]
} satisfies Record<string, ReadonlyArray<Try>>

// Statuses that need another source, or another authorization.
const elsewhere: Readonly<Record<string, ReadonlyArray<string>>> = {
  "get /apiv1/cores": ["403", "429"],
  "get /apiv1/cores/metadata": ["429"],
  "get /apiv1/cores/download": ["403", "415"],
  "head /apiv1/cores/download": ["403", "415", "429"],
  "delete /apiv1/cores/delete": ["429"],
  "get /apiv1/watch": ["403"],
  "get /apiv1/nodes": ["403", "429"]
}

const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => [method, path, operation] as const)
)

describe("the OpenAPI document", () => {
  // To update it: npm run openapi -w @koredump/server
  it("is the committed file", async () => {
    await expect(`${JSON.stringify(document, undefined, 2)}\n`).toMatchFileSnapshot("../../openapi.json")
  })

  it("is served", async () => {
    const app = await makeApp(false)
    const response = await app.handler(new Request("http://koredump.test/openapi.json"))
    assert.deepStrictEqual(await response.json(), JSON.parse(JSON.stringify(document)))
    await app.dispose()
  })

  it.each(operations)("%s %s answers as documented", async (method, path, operation) => {
    const key = `${method} ${path.replace(/(\/\{\w+\})+$/, "")}`
    const seen = new Set<string>()
    for (const { closed = false, headers, id = stored, query = "" } of tries[key as keyof typeof tries] as Array<Try>) {
      const app = await makeApp(closed)
      const url = `http://koredump.test${path.replace("{node}", app.ref.node).replace("{id}", id)}${query}`
      const response = await app.handler(
        new Request(url, { method: method.toUpperCase(), headers: { authorization: "Bearer secret", ...headers } })
      )
      const status = String(response.status)
      const declared = operation.responses[status]
      assert.isDefined(declared, `${url} answers ${status}`)
      if (declared?.content !== undefined) {
        assert.property(declared.content, response.headers.get("content-type") ?? "", url)
      }
      await response.body?.cancel()
      await app.dispose()
      seen.add(status)
    }
    const all = Object.keys(operation.responses).filter((status) => status < "500")
    assert.deepStrictEqual([...seen, ...elsewhere[key] ?? []].toSorted(), all.toSorted())
  })

  it.each(operations)("%s %s documents the parameters of its path", (_method, path, operation) => {
    const named = (operation.parameters ?? []).filter((parameter) => parameter.in === "path").map(({ name }) => name)
    assert.deepStrictEqual(named, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!))
  })
})
