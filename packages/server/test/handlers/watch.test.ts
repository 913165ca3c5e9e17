import { assert, describe, it } from "@effect/vitest"
import { CoreSource, ResourceVersionExpired } from "@koredump/core"
import { Effect, Layer, Stream } from "effect"
import { bytes, codeOf, makeApp, problemOf } from "../support.ts"

interface Event {
  readonly type: string
  readonly object: { readonly COREDUMP_COMM?: string; readonly resourceVersion: string }
}

const content = bytes("core")

/** Reads blocks of text (lines of NDJSON, events of SSE) as they come. */
const follow = (response: Response, separator = "\n") => {
  const reader = response.body!.getReader()
  const decoder = new TextDecoder()
  let rest = ""
  const next = Effect.promise(async () => {
    while (!rest.includes(separator)) {
      const { done, value } = await reader.read()
      if (done) return undefined
      rest += decoder.decode(value, { stream: true })
    }
    const at = rest.indexOf(separator)
    const block = rest.slice(0, at)
    rest = rest.slice(at + separator.length)
    return block
  })
  const event = Effect.map(next, (line) => {
    const { object, type } = JSON.parse(line!) as Event
    return [type, object.COREDUMP_COMM ?? ""] as const
  })
  return { next, event, cancel: Effect.promise(() => reader.cancel()) }
}

const watching = Effect.fnUntraced(function*(settings: Parameters<typeof makeApp>[0], query = "") {
  const app = yield* makeApp(settings)
  const response = yield* app.request(`/apiv1/watch${query}`)
  assert.strictEqual(response.status, 200)
  const watch = follow(response)
  yield* Effect.addFinalizer(() => watch.cancel)
  return { ...app, ...watch, response }
})

describe("GET /apiv1/watch", () => {
  it.effect("the present cores, a bookmark, then what happens", () =>
    Effect.gen(function*() {
      const { event, fake, response } = yield* watching({ cores: [{ comm: "a", content }, { comm: "lost" }] })
      assert.strictEqual(response.headers.get("content-type"), "application/x-ndjson")
      assert.deepStrictEqual(yield* event, ["ADDED", "a"])
      assert.deepStrictEqual(yield* event, ["BOOKMARK", ""])
      const ref = yield* fake.put({ comm: "b", content })
      assert.deepStrictEqual(yield* event, ["ADDED", "b"])
      yield* fake.put({ comm: "b", content, fields: { pod: "p" } })
      assert.deepStrictEqual(yield* event, ["MODIFIED", "b"])
      yield* fake.lose(ref)
      assert.deepStrictEqual(yield* event, ["DELETED", "b"])
    }))

  it.effect("a filter: what enters its view is added, what leaves it deleted", () =>
    Effect.gen(function*() {
      const { event, fake } = yield* watching({}, "?namespace=a&state=")
      assert.deepStrictEqual(yield* event, ["BOOKMARK", ""])
      yield* fake.put({ comm: "x", content })
      yield* fake.put({ comm: "x", content, fields: { namespace: "a" } })
      assert.deepStrictEqual(yield* event, ["ADDED", "x"])
      yield* fake.put({ comm: "x", content, fields: { namespace: "b" } })
      assert.deepStrictEqual(yield* event, ["DELETED", "x"])
    }))

  it.effect("does not send the previous state of a core", () =>
    Effect.gen(function*() {
      const { fake, next } = yield* watching({ cores: [{ comm: "x", content, fields: { title: "secret" } }] })
      yield* next
      yield* next
      yield* fake.put({ comm: "x", content, fields: { title: "public" } })
      const line = (yield* next)!
      assert.hasAllKeys(JSON.parse(line), ["type", "object"])
      assert.include(line, "MODIFIED")
      assert.notInclude(line, "secret")
    }))

  it.effect("server-sent events, resumed by Last-Event-ID", () =>
    Effect.gen(function*() {
      // The older core is the newer news: its version, the first that is told, says nothing of the other one.
      const cores = [{ comm: "new", time: 2_000_000, content }, { comm: "old", time: 1_000_000, content }]
      const { fake, request } = yield* makeApp({ cores })
      const accept = "text/event-stream"
      const first = yield* request("/apiv1/watch", { headers: { accept } })
      assert.strictEqual(first.headers.get("content-type"), "text/event-stream")
      assert.strictEqual(first.headers.get("vary"), "Accept")
      const { cancel, next } = follow(first, "\n\n")
      for (const name of ["old", "new"]) {
        const [, data] = /^data: (.+)$/.exec((yield* next)!)!
        assert.deepInclude(JSON.parse(data!), { type: "ADDED" })
        assert.include(data, `"COREDUMP_COMM":"${name}"`)
      }
      const [, id, data] = /^id: (\S+)\ndata: (.+)$/.exec((yield* next)!)!
      assert.deepStrictEqual(JSON.parse(data!), { type: "BOOKMARK", object: { resourceVersion: id } })
      yield* fake.put({ comm: "b", content })
      const [, later] = /^id: (\S+)\ndata: .*"COREDUMP_COMM":"b"/.exec((yield* next)!)!
      yield* cancel
      yield* fake.put({ comm: "c", content })
      const resumed = yield* request("/apiv1/watch?resourceVersion=old", {
        headers: { accept, "last-event-id": later! }
      })
      const again = follow(resumed, "\n\n")
      assert.include(yield* again.next, "BOOKMARK")
      assert.match((yield* again.next)!, /^id: \S+\ndata: .*"COREDUMP_COMM":"c"/)
      yield* again.cancel
    }))

  it.effect("an empty Last-Event-ID is none", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      const response = yield* request("/apiv1/watch", { headers: { "last-event-id": "" } })
      assert.strictEqual(response.status, 200)
      yield* Effect.promise(() => response.body!.cancel())
      const other = yield* request("/apiv1/watch?resourceVersion=old", { headers: { "last-event-id": "" } })
      assert.strictEqual(yield* codeOf(other), "resource-version-expired")
    }))

  it.effect.each([
    [undefined, "application/x-ndjson"],
    ["*/*", "application/x-ndjson"],
    ["application/json", "application/x-ndjson"],
    ["application/x-ndjson, text/event-stream;q=0", "application/x-ndjson"],
    ["Text/Event-Stream; charset=utf-8", "text/event-stream"],
    ["text/html, text/event-stream", "text/event-stream"],
    ["text/event-stream, */*", "text/event-stream"],
    ["text/*", "text/event-stream"],
    ["text/event-stream;q=0.5, application/x-ndjson", "application/x-ndjson"],
    ["text/event-stream;q=0.5, application/json;q=0.4", "text/event-stream"],
    ["*/*, application/x-ndjson;q=0", "text/event-stream"],
    ["application/x-ndjson;q=nonsense", "application/x-ndjson"]
  ])("Accept: %s is %s", ([accept, type]) =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      const response = yield* request("/apiv1/watch", accept === undefined ? {} : { headers: { accept } })
      assert.strictEqual(response.headers.get("content-type"), type)
      yield* Effect.promise(() => response.body!.cancel())
    }))

  it.effect("what cannot begin has a status of its own", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      const refused = [
        ["?resourceVersion=old", {}, "resource-version-expired"],
        ["", { "last-event-id": "old" }, "resource-version-expired"],
        ["?resourceVersion=a&resourceVersion=b", {}, "invalid-query"],
        ["?limit=1", {}, "invalid-query"],
        ["?signal=LOUD", {}, "invalid-query"],
        ["", { accept: "text/html" }, "not-acceptable"],
        ["", { accept: "application/json;q=0" }, "not-acceptable"],
        ["", { accept: "*/*;q=0" }, "not-acceptable"],
        ["", { accept: "" }, "not-acceptable"]
      ] as const
      for (const [query, headers, code] of refused) {
        assert.strictEqual(yield* codeOf(yield* request(`/apiv1/watch${query}`, { headers })), code)
      }
      assert.include(yield* problemOf(yield* request("/apiv1/watch?colour=red")), { status: 400, parameter: "colour" })
    }))

  it.effect("what fails later is an ERROR event, and the end", () =>
    Effect.gen(function*() {
      const { next } = yield* watching({
        around: (layer) =>
          Layer.effect(
            CoreSource,
            Effect.map(CoreSource, (source) => ({
              ...source,
              changes: () =>
                Stream.concat(
                  Stream.make({ type: "BOOKMARK" as const, object: { resourceVersion: "a-1" } }),
                  Stream.fail(new ResourceVersionExpired({}))
                )
            }))
          ).pipe(Layer.provide(layer))
      })
      assert.deepStrictEqual(JSON.parse((yield* next)!), { type: "BOOKMARK", object: { resourceVersion: "a-1" } })
      const error = JSON.parse((yield* next)!) as { readonly type: string; readonly object: Record<string, unknown> }
      assert.strictEqual(error.type, "ERROR")
      assert.include(error.object, { type: "https://koredump.dev/problems/resource-version-expired", status: 410 })
      assert.isUndefined(yield* next)
    }))

  it.effect("so many watches at once; HEAD is none", () =>
    Effect.gen(function*() {
      const { cancel, request } = yield* watching({ maxWatches: 1 })
      assert.strictEqual((yield* request("/apiv1/watch", { method: "HEAD" })).status, 200)
      const refused = yield* request("/apiv1/watch")
      assert.isTrue(refused.headers.has("retry-after"))
      assert.strictEqual(yield* codeOf(refused), "too-many-watches")
      yield* cancel
      const next = yield* request("/apiv1/watch").pipe(
        Effect.repeat({ until: ({ status }) => status === 200, times: 100 })
      )
      assert.strictEqual(next.status, 200)
      yield* Effect.promise(() => next.body!.cancel())
    }))
})
