import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type NodeStatus } from "@koredump/core"
import { type FakeRule, layerFakeAuthorizer } from "@koredump/core/testing"
import { Effect, Layer, Redacted } from "effect"
import { layerTokenAuthorization } from "../../src/index.ts"
import { serverVersion } from "../../src/settings/version.ts"
import { type App, bytes, makeApp, readProblemCode, readText } from "../support/app.ts"

const authorization = layerTokenAuthorization.pipe(Layer.provide(Layer.succeed(Authenticator, {
  authenticate: (token) => Effect.succeed({ username: Redacted.value(token), groups: [] })
})))

const verbs: FakeRule["verbs"] = ["list", "watch", "get"]

// ann can see and download the cores of one namespace. bob can see all cores, but cannot download them. eve has no permission.
const authorizer = layerFakeAuthorizer([
  { user: "ann", verbs: [...verbs, "delete"], resources: ["coredumps", "coredumps/content"], namespace: "shop" },
  { user: "bob", verbs, resources: ["coredumps", "nodecoredumps"] }
])

const fields = { COREDUMP_ENVIRON: "SECRET=1" }

const makeSharedApp = Effect.gen(function*() {
  const app = yield* makeApp({ authorization, authorizer })
  const { put } = app.fake
  const shop = yield* put({
    comm: "shop",
    time: 1_000_000,
    content: bytes("1"),
    fields: { ...fields, namespace: "shop" }
  })
  const bank = yield* put({
    comm: "bank",
    time: 2_000_000,
    content: bytes("2"),
    fields: { ...fields, namespace: "bank" }
  })
  const host = yield* put({
    comm: "host",
    time: 3_000_000,
    content: bytes("3"),
    fields: { ...fields, COREDUMP_CGROUP: "/x" }
  })
  return { ...app, cores: { shop, bank, host } }
})

const as = (user: string, method = "GET") => ({ method, headers: { authorization: `Bearer ${user}` } })

/** Requests a path. Returns the status, or the code of the problem. */
const getResult = (app: App, user: string, path: string, method?: string) =>
  Effect.flatMap(
    app.request(path, as(user, method)),
    (response) =>
      response.status < 400 ? Effect.as(readText(response), String(response.status)) : readProblemCode(response)
  )

describe("authorization of the REST API", () => {
  it.effect.each<[string, Array<string>]>([
    ["ann", ["shop"]],
    ["bob", ["shop", "bank", "host"]],
    ["eve", []]
  ])("filters list and watch for %s", ([user, comms]) =>
    Effect.gen(function*() {
      const { request } = yield* makeSharedApp
      const list = JSON.parse(yield* readText(yield* request("/apiv1/cores", as(user)))) as ReadonlyArray<
        Record<string, unknown>
      >
      assert.deepStrictEqual<unknown>(list.map((core) => core["COREDUMP_COMM"]), comms)
      const watch = yield* request("/apiv1/watch", as(user))
      const reader = watch.body!.getReader()
      let lines = ""
      while (!lines.includes("BOOKMARK")) {
        lines += new TextDecoder().decode((yield* Effect.promise(() => reader.read())).value)
      }
      yield* Effect.promise(() => reader.cancel())
      assert.strictEqual(lines.split("\n").filter((line) => line.includes("ADDED")).length, comms.length)
    }))

  it.effect.each<[string, string, string, string, string]>([
    // user, core, metadata, download, delete
    ["ann", "shop", "200", "200", "200"],
    ["ann", "bank", "core-not-found", "core-not-found", "core-not-found"],
    ["ann", "host", "core-not-found", "core-not-found", "core-not-found"],
    ["bob", "shop", "200", "forbidden", "forbidden"],
    ["bob", "host", "200", "forbidden", "forbidden"],
    ["eve", "shop", "core-not-found", "core-not-found", "core-not-found"]
  ])(
    "decides what %s can do with a core of %s",
    ([user, name, metadata, download, deletion]) =>
      Effect.gen(function*() {
        const app = yield* makeSharedApp
        const { id, node } = app.cores[name as keyof typeof app.cores]
        for (const ref of [`${node}/${id}`, id]) {
          assert.strictEqual(yield* getResult(app, user, `/apiv1/cores/metadata/${ref}`), metadata)
          assert.strictEqual(yield* getResult(app, user, `/apiv1/cores/download/${ref}`), download)
          assert.strictEqual(yield* getResult(app, user, `/apiv1/cores/download/${ref}?decompress=true`), download)
        }
        const head = yield* app.request(`/apiv1/cores/download/${node}/${id}`, as(user, "HEAD"))
        assert.strictEqual(head.ok, download === "200")
        assert.strictEqual(yield* getResult(app, user, `/apiv1/cores/delete/${node}/${id}`, "DELETE"), deletion)
      })
  )

  it.effect("shows the environment only to callers who can download the core", () =>
    Effect.gen(function*() {
      const { cores: { shop }, request } = yield* makeSharedApp
      for (const [user, shown] of [["ann", true], ["bob", false]] as const) {
        for (
          const path of [
            `/apiv1/cores/metadata/${shop.id}`,
            "/apiv1/cores?fields=all&limit=9",
            "/apiv1/cores?fields=id,COREDUMP_ENVIRON&limit=9"
          ]
        ) {
          assert.strictEqual(
            (yield* readText(yield* request(path, as(user)))).includes("SECRET"),
            shown,
            `${user} ${path}`
          )
        }
      }
    }))

  it.effect("answers 403 to lists and watches of a namespace without permission", () =>
    Effect.gen(function*() {
      const app = yield* makeSharedApp
      for (const path of ["/apiv1/cores", "/apiv1/watch"]) {
        assert.strictEqual(yield* getResult(app, "ann", `${path}?namespace=bank`), "forbidden")
        assert.strictEqual(yield* getResult(app, "eve", `${path}?namespace=none`), "forbidden")
      }
      assert.strictEqual(yield* getResult(app, "ann", "/apiv1/cores?namespace=&pod="), "200")
    }))

  it.effect("paginates the visible cores", () =>
    Effect.gen(function*() {
      const { request } = yield* makeSharedApp
      const first = yield* request("/apiv1/cores?limit=1&order=desc", as("ann"))
      assert.include(yield* readText(first), "\"shop\"")
      assert.isNull(first.headers.get("link"))
      const many = yield* request("/apiv1/cores?limit=2", as("bob"))
      const next = /<([^>]+)>/.exec(many.headers.get("link") ?? "")![1]!
      assert.include(yield* readText(yield* request(next, as("bob"))), "\"host\"")
    }))
})

describe("GET /apiv1/nodes", () => {
  it.effect("requires permission to list nodecoredumps", () =>
    Effect.gen(function*() {
      const app = yield* makeSharedApp
      assert.strictEqual(yield* getResult(app, "bob", "/apiv1/nodes"), "200")
      assert.strictEqual(yield* getResult(app, "ann", "/apiv1/nodes"), "forbidden")
      assert.strictEqual(yield* getResult(app, "bob", "/apiv1/nodes?node=a"), "invalid-query")
      const versions = yield* Effect.forEach(
        ["bob", "ann"],
        (user) => Effect.map(app.request("/apiv1/nodes", as(user)), ({ headers }) => headers.get("koredump-version"))
      )
      assert.deepStrictEqual(versions, [serverVersion, null])
    }))

  it.effect.each<[string, string | undefined, Partial<NodeStatus>]>([
    ["a server of one node", "node-1", { agentVersion: serverVersion }],
    ["a server of many nodes", undefined, {}]
  ])("adds the version of the server only for a server of one node: %s", ([, node, added]) =>
    Effect.gen(function*() {
      const { fake, json } = yield* makeApp({ node: node as never })
      yield* fake.put({ content: bytes("12345") })
      const [status] = (yield* json("/apiv1/nodes")) as ReadonlyArray<NodeStatus>
      const { since, ...rest } = status!
      assert.deepStrictEqual(rest, { name: "node-1", state: "ready", cores: 1, bytes: 5, ...added })
      assert.match(since, /Z$/)
    }))
})
