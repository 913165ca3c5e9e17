import { assert, describe, it } from "@effect/vitest"
import { CoreSource, ResourceVersionExpired } from "@koredump/core"
import { Effect, Layer, Stream } from "effect"
import { bytes, makeApp, readProblem, readProblemCode } from "../support/app.ts"

interface Event {
  readonly type: string
  readonly object: { readonly COREDUMP_COMM?: string; readonly resourceVersion: string }
}

const content = bytes("core")

/** Reads blocks of text (lines of NDJSON, server-sent events) as they arrive. */
const readBlocks = (response: Response, separator = "\n") => {
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

const startWatch = Effect.fnUntraced(function*(settings: Parameters<typeof makeApp>[0], query = "") {
  const app = yield* makeApp(settings)
  const response = yield* app.request(`/apiv1/watch${query}`)
  assert.strictEqual(response.status, 200)
  const watch = readBlocks(response)
  yield* Effect.addFinalizer(() => watch.cancel)
  return { ...app, ...watch, response }
})

describe("GET /apiv1/watch", () => {
  it.effect("sends the current cores, a bookmark, then changes", () =>
    Effect.gen(function*() {
      const { event, fake, response } = yield* startWatch({ cores: [{ comm: "a", content }, { comm: "lost" }] })
      assert.strictEqual(response.headers.get("content-type"), "application/x-ndjson")
      assert.deepStrictEqual(yield* event, ["ADDED", "a"])
      assert.deepStrictEqual(yield* event, ["BOOKMARK", ""])
      const ref = yield* fake.put({ comm: "b", content })
      assert.deepStrictEqual(yield* event, ["ADDED", "b"])
      yield* fake.put({ comm: "b", content, fields: { pod: "p" } })
      assert.deepStrictEqual(yield* event, ["MODIFIED", "b"])
      yield* fake.removeFile(ref)
      assert.deepStrictEqual(yield* event, ["DELETED", "b"])
    }))

  it.effect("sends ADDED and DELETED when a core starts or stops to match the filter", () =>
    Effect.gen(function*() {
      const { event, fake } = yield* startWatch({}, "?namespace=a&state=")
      assert.deepStrictEqual(yield* event, ["BOOKMARK", ""])
      yield* fake.put({ comm: "x", content })
      yield* fake.put({ comm: "x", content, fields: { namespace: "a" } })
      assert.deepStrictEqual(yield* event, ["ADDED", "x"])
      yield* fake.put({ comm: "x", content, fields: { namespace: "b" } })
      assert.deepStrictEqual(yield* event, ["DELETED", "x"])
    }))

  it.effect("does not send the previous state of a core", () =>
    Effect.gen(function*() {
      const { fake, next } = yield* startWatch({ cores: [{ comm: "x", content, fields: { title: "secret" } }] })
      yield* next
      yield* next
      yield* fake.put({ comm: "x", content, fields: { title: "public" } })
      const line = (yield* next)!
      assert.hasAllKeys(JSON.parse(line), ["type", "object"])
      assert.include(line, "MODIFIED")
      assert.notInclude(line, "secret")
    }))

  it.effect("sends server-sent events, and resumes from Last-Event-ID", () =>
    Effect.gen(function*() {
      // The older crash has the newer version. It is sent first, so its version does not cover the other core.
      const cores = [{ comm: "new", time: 2_000_000, content }, { comm: "old", time: 1_000_000, content }]
      const { fake, request } = yield* makeApp({ cores })
      const accept = "text/event-stream"
      const first = yield* request("/apiv1/watch", { headers: { accept } })
      assert.strictEqual(first.headers.get("content-type"), "text/event-stream")
      assert.strictEqual(first.headers.get("vary"), "Accept")
      const { cancel, next } = readBlocks(first, "\n\n")
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
      const again = readBlocks(resumed, "\n\n")
      assert.include(yield* again.next, "BOOKMARK")
      assert.match((yield* again.next)!, /^id: \S+\ndata: .*"COREDUMP_COMM":"c"/)
      yield* again.cancel
    }))

  it.effect("ignores an empty Last-Event-ID", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      const response = yield* request("/apiv1/watch", { headers: { "last-event-id": "" } })
      assert.strictEqual(response.status, 200)
      yield* Effect.promise(() => response.body!.cancel())
      const other = yield* request("/apiv1/watch?resourceVersion=old", { headers: { "last-event-id": "" } })
      assert.strictEqual(yield* readProblemCode(other), "resource-version-expired")
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
  ])("answers Accept: %s with %s", ([accept, type]) =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      const response = yield* request("/apiv1/watch", accept === undefined ? {} : { headers: { accept } })
      assert.strictEqual(response.headers.get("content-type"), type)
      yield* Effect.promise(() => response.body!.cancel())
    }))

  it.effect("answers with an error if the watch cannot start", () =>
    Effect.gen(function*() {
      const { request } = yield* makeApp()
      const rejected = [
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
      for (const [query, headers, code] of rejected) {
        assert.strictEqual(yield* readProblemCode(yield* request(`/apiv1/watch${query}`, { headers })), code)
      }
      assert.include(yield* readProblem(yield* request("/apiv1/watch?colour=red")), {
        status: 400,
        parameter: "colour"
      })
    }))

  it.effect("sends a later failure as an ERROR event, and ends", () =>
    Effect.gen(function*() {
      const { next } = yield* startWatch({
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

  it.effect("limits concurrent watches, without HEAD", () =>
    Effect.gen(function*() {
      const { cancel, request } = yield* startWatch({ maxWatches: 1 })
      assert.strictEqual((yield* request("/apiv1/watch", { method: "HEAD" })).status, 200)
      const rejected = yield* request("/apiv1/watch")
      assert.isTrue(rejected.headers.has("retry-after"))
      assert.strictEqual(yield* readProblemCode(rejected), "too-many-watches")
      yield* cancel
      const next = yield* request("/apiv1/watch").pipe(
        Effect.repeat({ until: ({ status }) => status === 200 })
      )
      assert.strictEqual(next.status, 200)
      yield* Effect.promise(() => next.body!.cancel())
    }))
})
