import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type NodeStatus } from "@koredump/core"
import { type FakeRule, layerFakeAuthorizer } from "@koredump/core/testing"
import { Effect, Layer, Redacted } from "effect"
import { layerTokenAuthorization } from "../../src/index.ts"
import { serverVersion } from "../../src/version.ts"
import { type App, bytes, codeOf, makeApp, textOf } from "../support.ts"

const authorization = layerTokenAuthorization.pipe(Layer.provide(Layer.succeed(Authenticator, {
  authenticate: (token) => Effect.succeed({ username: Redacted.value(token), groups: [] })
})))

const verbs: FakeRule["verbs"] = ["list", "watch", "get"]

// ann sees one namespace, and may have its cores; bob sees everything, and may have nothing; eve has no right at all.
const authorizer = layerFakeAuthorizer([
  { user: "ann", verbs: [...verbs, "delete"], resources: ["coredumps", "coredumps/content"], namespace: "shop" },
  { user: "bob", verbs, resources: ["coredumps", "nodecoredumps"] }
])

const fields = { COREDUMP_ENVIRON: "SECRET=1" }

const makeShop = Effect.gen(function*() {
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

/** The status, and the code of the problem if it is one. */
const outcome = (app: App, user: string, path: string, method?: string) =>
  Effect.flatMap(
    app.request(path, as(user, method)),
    (response) => response.status < 400 ? Effect.as(textOf(response), String(response.status)) : codeOf(response)
  )

describe("REST shows each caller what he may see", () => {
  it.effect.each<[string, Array<string>]>([
    ["ann", ["shop"]],
    ["bob", ["shop", "bank", "host"]],
    ["eve", []]
  ])("list and watch of %s", ([user, comms]) =>
    Effect.gen(function*() {
      const { request } = yield* makeShop
      const list = JSON.parse(yield* textOf(yield* request("/apiv1/cores", as(user)))) as ReadonlyArray<
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
  ])("%s and a core of %s", ([user, name, metadata, download, deletion]) =>
    Effect.gen(function*() {
      const app = yield* makeShop
      const { id, node } = app.cores[name as keyof typeof app.cores]
      for (const ref of [`${node}/${id}`, id]) {
        assert.strictEqual(yield* outcome(app, user, `/apiv1/cores/metadata/${ref}`), metadata)
        assert.strictEqual(yield* outcome(app, user, `/apiv1/cores/download/${ref}`), download)
        assert.strictEqual(yield* outcome(app, user, `/apiv1/cores/download/${ref}?decompress=true`), download)
      }
      const head = yield* app.request(`/apiv1/cores/download/${node}/${id}`, as(user, "HEAD"))
      assert.strictEqual(head.ok, download === "200")
      assert.strictEqual(yield* outcome(app, user, `/apiv1/cores/delete/${node}/${id}`, "DELETE"), deletion)
    }))

  it.effect("the environment is for those who may have the core", () =>
    Effect.gen(function*() {
      const { cores: { shop }, request } = yield* makeShop
      for (const [user, shown] of [["ann", true], ["bob", false]] as const) {
        for (
          const path of [
            `/apiv1/cores/metadata/${shop.id}`,
            "/apiv1/cores?fields=all&limit=9",
            "/apiv1/cores?fields=id,COREDUMP_ENVIRON&limit=9"
          ]
        ) {
          assert.strictEqual(
            (yield* textOf(yield* request(path, as(user)))).includes("SECRET"),
            shown,
            `${user} ${path}`
          )
        }
      }
    }))

  it.effect("a namespace that is named and not allowed is 403, in lists and watches", () =>
    Effect.gen(function*() {
      const app = yield* makeShop
      for (const path of ["/apiv1/cores", "/apiv1/watch"]) {
        assert.strictEqual(yield* outcome(app, "ann", `${path}?namespace=bank`), "forbidden")
        assert.strictEqual(yield* outcome(app, "eve", `${path}?namespace=none`), "forbidden")
      }
      assert.strictEqual(yield* outcome(app, "ann", "/apiv1/cores?namespace=&pod="), "200")
    }))

  it.effect("pages of what is visible", () =>
    Effect.gen(function*() {
      const { request } = yield* makeShop
      const first = yield* request("/apiv1/cores?limit=1&order=desc", as("ann"))
      assert.include(yield* textOf(first), "\"shop\"")
      assert.isNull(first.headers.get("link"))
      const many = yield* request("/apiv1/cores?limit=2", as("bob"))
      const next = /<([^>]+)>/.exec(many.headers.get("link") ?? "")![1]!
      assert.include(yield* textOf(yield* request(next, as("bob"))), "\"host\"")
    }))
})

describe("GET /apiv1/nodes", () => {
  it.effect("is for those who may list nodes' cores", () =>
    Effect.gen(function*() {
      const app = yield* makeShop
      assert.strictEqual(yield* outcome(app, "bob", "/apiv1/nodes"), "200")
      assert.strictEqual(yield* outcome(app, "ann", "/apiv1/nodes"), "forbidden")
      assert.strictEqual(yield* outcome(app, "bob", "/apiv1/nodes?node=a"), "invalid-query")
      const versions = yield* Effect.forEach(
        ["bob", "ann"],
        (user) => Effect.map(app.request("/apiv1/nodes", as(user)), ({ headers }) => headers.get("koredump-version"))
      )
      assert.deepStrictEqual(versions, [serverVersion, null])
    }))

  it.effect.each<[string, string | undefined, Partial<NodeStatus>]>([
    ["a server of one node", "node-1", { agentVersion: serverVersion }],
    ["a server of many nodes", undefined, {}]
  ])("%s adds its own version only if it is the node's", ([, node, added]) =>
    Effect.gen(function*() {
      const { fake, json } = yield* makeApp({ node: node as never })
      yield* fake.put({ content: bytes("12345") })
      const [status] = (yield* json("/apiv1/nodes")) as ReadonlyArray<NodeStatus>
      const { since, ...rest } = status!
      assert.deepStrictEqual(rest, { name: "node-1", state: "ready", cores: 1, bytes: 5, ...added })
      assert.match(since, /Z$/)
    }))
})
