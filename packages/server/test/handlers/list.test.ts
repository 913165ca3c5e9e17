import { assert, describe, it } from "@effect/vitest"
import { CoreNotFound, CoreSource, type CoreSummary, CoreUnreadable } from "@koredump/core"
import type { FakeCore } from "@koredump/core/testing"
import { Effect, Layer } from "effect"
import { bytes, makeApp, readProblem, readProblemCode, readText } from "../support/app.ts"

const second = 1_000_000
const started = 1_700_000_000 * second
const content = bytes("core")

const cores: ReadonlyArray<FakeCore> = [
  { comm: "third", pid: 3, time: started + 3 * second, signal: 6, content, fields: { namespace: "b", pod: "p 3&x=ü" } },
  { comm: "first", pid: 1, time: started, content, fields: { namespace: "a", pod: "p1", MESSAGE: "long", stack: {} } },
  { comm: "lost", pid: 9, time: started + second },
  { comm: "second", pid: 2, time: started + 2 * second, content: bytes("a larger core"), fields: { namespace: "a" } }
]

const getNames = (list: unknown) => (list as ReadonlyArray<CoreSummary>).map((core) => core.COREDUMP_COMM)

const changeSource = (change: (source: CoreSource["Service"]) => Partial<CoreSource["Service"]>) =>
(
  layer: Layer.Layer<CoreSource>
) =>
  Layer.effect(CoreSource, Effect.map(CoreSource, (source) => ({ ...source, ...change(source) }))).pipe(
    Layer.provide(layer)
  )

/** Makes an app in whose list these nodes are unreachable. */
const makeAppWithUnreachable = (unreachable: ReadonlyArray<string>) =>
  makeApp({
    cores,
    around: changeSource((source) => ({
      list: (query) => Effect.map(source.list(query), (list) => ({ ...list, unreachable }))
    }))
  })

describe("GET /apiv1/cores", () => {
  it.effect("returns an array, newest last, and the version for a watch", () =>
    Effect.gen(function*() {
      const { fake, request } = yield* makeApp({ cores })
      const response = yield* request("/apiv1/cores")
      assert.strictEqual(response.headers.get("content-type"), "application/json")
      assert.isFalse(response.headers.has("koredump-unreachable"))
      assert.isFalse(response.headers.has("link"))
      const text = yield* readText(response)
      assert.strictEqual(Number(response.headers.get("content-length")), bytes(text).length)
      assert.deepStrictEqual(getNames(JSON.parse(text)), ["first", "second", "third"])
      yield* fake.put({ comm: "new", content })
      const since = response.headers.get("koredump-resource-version")!
      const watch = yield* request(`/apiv1/watch?resourceVersion=${since}`)
      const reader = watch.body!.getReader()
      let seen = ""
      while (!seen.includes("ADDED")) {
        seen += new TextDecoder().decode((yield* Effect.promise(() => reader.read())).value)
      }
      assert.notInclude(seen, "first")
      yield* Effect.promise(() => reader.cancel())
    }))

  it.effect("returns an empty array without cores", () =>
    Effect.gen(function*() {
      const { json } = yield* makeApp()
      assert.deepStrictEqual(yield* json("/apiv1/cores"), [])
    }))

  it.effect.each<readonly [string, ReadonlyArray<string>]>([
    ["namespace=&pod=", ["first", "second", "third"]],
    ["namespace=a", ["first", "second"]],
    ["namespace=a&namespace=b", ["first", "second", "third"]],
    ["namespace=a&pod=p1", ["first"]],
    ["pod=p+3%26x%3D%C3%BC", ["third"]],
    ["signal=ABRT", ["third"]],
    ["signal=11&signal=SIGABRT", ["first", "second", "third"]],
    ["state=any", ["first", "lost", "second", "third"]],
    ["state=missing", ["lost"]],
    ["q=SECO", ["second"]],
    ["since=2023-11-14T22:13:22Z", ["second", "third"]],
    ["until=2023-11-14T22:13:22Z", ["first"]],
    ["order=desc", ["third", "second", "first"]],
    ["sort=size&order=desc&limit=1", ["second"]],
    ["strict=true", ["first", "second", "third"]],
    ["node=elsewhere", []]
  ])("?%s", ([query, expected]) =>
    Effect.gen(function*() {
      const { json } = yield* makeApp({ cores })
      assert.deepStrictEqual(getNames(yield* json(`/apiv1/cores?${query}`)), [...expected])
    }))

  it.effect("links to the next page with all other parameters", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp({ cores })
      const seen: Array<unknown> = []
      let path: string | undefined = "/apiv1/cores?limit=1&state=any&q=node-1&namespace=&fields=COREDUMP_COMM"
      while (path !== undefined) {
        const response: Response = yield* request(path)
        seen.push(...getNames(JSON.parse(yield* readText(response))))
        path = /^<([^>]+)>; rel="next"$/.exec(response.headers.get("link") ?? "")?.[1]
      }
      assert.deepStrictEqual(seen, ["first", "lost", "second", "third"])
    }))

  it.effect("never links to another server", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp({ cores })
      for (const path of ["//apiv1/cores?limit=1", "/apiv1/cores/?limit=1", "/apiv1//cores?limit=1"]) {
        const response = yield* request(path)
        assert.match(response.headers.get("link")!, /^<\/apiv1\/cores\?limit=1&continue=[\w-]+>; rel="next"$/)
      }
    }))

  it.effect("returns only the requested fields", () =>
    Effect.gen(function*() {
      const { json, request } = yield* makeApp({ cores })
      assert.deepStrictEqual(yield* json("/apiv1/cores?fields=COREDUMP_PID,pod&namespace=a"), [
        { COREDUMP_PID: 1, pod: "p1" },
        { COREDUMP_PID: 2 }
      ])
      assert.deepStrictEqual(yield* json("/apiv1/cores?fields=COREDUMP_UNHEARD_OF&limit=1"), [{}])
      assert.strictEqual((yield* request("/apiv1/cores?fields=id,toString")).status, 400)
    }))

  it.effect("requires a low limit for heavy fields", () =>
    Effect.gen(function*() {
      const { json, request } = yield* makeApp({ cores })
      assert.notProperty((yield* json("/apiv1/cores") as Effect.Effect<ReadonlyArray<object>>)[0], "MESSAGE")
      const [all] = (yield* json("/apiv1/cores?fields=all&limit=1")) as ReadonlyArray<Record<string, unknown>>
      assert.include(all, { COREDUMP_COMM: "first", MESSAGE: "long" })
      assert.deepStrictEqual(yield* json("/apiv1/cores?fields=MESSAGE,stack&limit=2"), [
        { MESSAGE: "long", stack: {} },
        {}
      ])
      for (const query of ["fields=all", "fields=all&limit=101", "fields=id,stack", "fields=COREDUMP_PROC_MAPS"]) {
        const response = yield* request(`/apiv1/cores?${query}`)
        assert.include(yield* readProblem(response), { status: 400, parameter: "fields" })
      }
    }))

  it.effect("returns a core without heavy fields if they are not readable, and omits a removed core", () =>
    Effect.gen(function*() {
      const { json } = yield* makeApp({
        cores,
        around: changeSource((source) => ({
          get: (ref) =>
            ref.id.includes("first")
              ? Effect.fail(new CoreUnreadable(ref))
              : ref.id.includes("second")
              ? Effect.fail(new CoreNotFound(ref))
              : source.get(ref)
        }))
      })
      assert.deepStrictEqual(getNames(yield* json("/apiv1/cores?fields=all&limit=10")), ["first", "third"])
    }))

  it.effect("names unreachable nodes, and fails with strict=true", () =>
    Effect.gen(function*() {
      const { request } = yield* makeAppWithUnreachable(["node-2", "node-3"])
      const response = yield* request("/apiv1/cores")
      assert.strictEqual(response.headers.get("koredump-unreachable"), "node-2, node-3")
      assert.lengthOf(JSON.parse(yield* readText(response)) as ReadonlyArray<unknown>, 3)
      const problem = yield* readProblem(yield* request("/apiv1/cores?strict=true"))
      assert.strictEqual(problem["status"], 502)
      assert.deepStrictEqual(problem["nodes"], ["node-2", "node-3"])
    }))

  it.effect("limits the length of the header that names unreachable nodes", () =>
    Effect.gen(function*() {
      const nodes = Array.from({ length: 5000 }, (_, i) => `ip-10-0-0-${i}.eu-central-1.compute.internal`)
      const { request } = yield* makeAppWithUnreachable(nodes)
      const header = (yield* request("/apiv1/cores")).headers.get("koredump-unreachable")!
      assert.isBelow(header.length, 2049)
      const listed = header.split(", ")
      assert.isAbove(listed.length, 40)
      assert.deepStrictEqual(listed, nodes.slice(0, listed.length))
      const problem = yield* readProblem(yield* request("/apiv1/cores?strict=true"))
      assert.match(String(problem["detail"]), /^5000 unreachable nodes: /)
    }))

  it.effect.each([
    ["colour=red", "colour"],
    ["limit=0", "limit"],
    ["limit=1&limit=2", "limit"],
    ["strict=maybe", "strict"],
    ["signal=LOUD", "signal"],
    ["since=yesterday", "since"],
    ["continue=x", "continue"],
    ["__proto__=1", "__proto__"],
    ["%zz=1", "%zz"]
  ])("rejects the query ?%s and names %s", ([query, parameter]) =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      const problem = yield* readProblem(yield* request(`/apiv1/cores?${query}`))
      assert.include(problem, { status: 400, parameter, instance: "/apiv1/cores" })
    }))

  it.effect("rejects a query that is too long", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      assert.strictEqual(yield* readProblemCode(yield* request(`/apiv1/cores?q=${"a".repeat(20_000)}`)), "bad-request")
    }))
})
