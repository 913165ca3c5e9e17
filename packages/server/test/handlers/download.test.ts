import { assert, describe, it } from "@effect/vitest"
import { type CoreRef, CoreSource, CoreUnreadable, type Problem, UnsupportedCompression } from "@koredump/core"
import { Effect, Layer, Stream } from "effect"
import { type App, bytes, codeOf, makeApp, problemOf, textOf } from "../support.ts"

const content = bytes("0123456789")
const core = { comm: "crashme", compression: "zstd", content, decompressed: bytes("the core itself") } as const

const pathOf = (ref: CoreRef, query = "") => `/apiv1/cores/download/${ref.node}/${encodeURIComponent(ref.id)}${query}`

/** The headers, without what is each request's own. */
const headers = ({ headers }: Response) => Object.fromEntries([...headers].filter(([name]) => name !== "x-request-id"))

/** An app with one core. */
const withCore = (settings: Parameters<typeof makeApp>[0] = {}, scripted: Parameters<App["fake"]["put"]>[0] = core) =>
  Effect.gen(function*() {
    const app = yield* makeApp(settings)
    const ref = yield* app.fake.put(scripted)
    return { ...app, ref, path: pathOf(ref) }
  })

/** The fake source; how many files are open is counted, and a decompressed core may be another. */
const watched = (decompressed?: (ref: CoreRef) => Stream.Stream<Uint8Array, Problem>) => {
  const open = { now: 0, ever: 0 }
  const around = (layer: Layer.Layer<CoreSource>) =>
    Layer.effect(
      CoreSource,
      Effect.map(CoreSource, (source) =>
        CoreSource.of({
          ...source,
          open: (ref) =>
            Effect.acquireRelease(
              Effect.sync(() => {
                open.now += 1
                open.ever += 1
              }),
              () => Effect.sync(() => open.now -= 1)
            ).pipe(
              Effect.andThen(source.open(ref)),
              Effect.map((file) => decompressed === undefined ? file : { ...file, decompressed: decompressed(ref) })
            )
        }))
    ).pipe(Layer.provide(layer))
  return { around, open }
}

describe("GET /apiv1/cores/download", () => {
  it.effect("the stored file, with all that is known of it", () =>
    Effect.gen(function*() {
      const { path, ref, request } = yield* withCore()
      const response = yield* request(path)
      assert.strictEqual(response.status, 200)
      assert.include(Object.fromEntries(response.headers), {
        "accept-ranges": "bytes",
        "cache-control": "no-cache",
        "content-disposition": `attachment; filename=${ref.id}`,
        "content-length": "10",
        "content-type": "application/zstd",
        "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT"
      })
      assert.match(response.headers.get("etag")!, /^"[^"]+"$/)
      assert.strictEqual(yield* textOf(response), "0123456789")
    }))

  it.effect.each(
    [
      ["zstd", "application/zstd"],
      ["lz4", "application/x-lz4"],
      ["xz", "application/x-xz"],
      ["none", "application/octet-stream"]
    ] as const
  )("%s is %s", ([compression, type]) =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore({}, { ...core, compression })
      assert.strictEqual((yield* request(path)).headers.get("content-type"), type)
    }))

  it.effect("HEAD: the same headers and no body", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const [got, head] = [yield* request(path), yield* request(path, { method: "HEAD" })]
      assert.deepStrictEqual(headers(head), headers(got))
      assert.strictEqual(yield* textOf(head), "")
    }))

  it.effect("a range", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const response = yield* request(path, { headers: { range: "bytes=-3" } })
      assert.strictEqual(response.status, 206)
      assert.include(Object.fromEntries(response.headers), {
        "content-length": "3",
        "content-range": "bytes 7-9/10",
        "content-type": "application/zstd"
      })
      assert.strictEqual(yield* textOf(response), "789")
      const several = yield* request(path, { headers: { range: "bytes=0-1,3-4" } })
      assert.strictEqual(several.status, 200)
      assert.strictEqual(yield* textOf(several), "0123456789")
    }))

  it.effect("a range beyond the file", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const response = yield* request(path, { headers: { range: "bytes=10-" } })
      assert.strictEqual(response.headers.get("content-range"), "bytes */10")
      assert.strictEqual(yield* codeOf(response), "range-not-satisfiable")
    }))

  it.effect("conditions: 304 has the validators and no body, 412 is a problem", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const etag = (yield* request(path, { method: "HEAD" })).headers.get("etag")!
      for (const method of ["GET", "HEAD"]) {
        const same = yield* request(path, { method, headers: { "if-none-match": etag } })
        assert.strictEqual(same.status, 304)
        assert.strictEqual(same.headers.get("etag"), etag)
        assert.strictEqual(yield* textOf(same), "")
      }
      assert.strictEqual((yield* request(path, { headers: { "if-match": etag } })).status, 200)
      const other = yield* request(path, { headers: { "if-match": "\"other\"" } })
      assert.strictEqual(yield* codeOf(other), "precondition-failed")
      const resumed = { "if-range": "\"other\"", range: "bytes=5-" }
      assert.strictEqual((yield* request(path, { headers: resumed })).status, 200)
    }))

  it.effect("the short form; names that must be encoded; another node", () =>
    Effect.gen(function*() {
      const { fake, ref, request } = yield* withCore()
      assert.strictEqual((yield* request(`/apiv1/cores/download/${ref.id}`)).status, 200)
      const odd = yield* fake.put({ ...core, comm: "a#b?c%41\\/\"é;&+ " })
      assert.strictEqual((yield* request(pathOf(odd))).status, 200)
      // A semicolon may stand in a path as it is.
      assert.strictEqual((yield* request(pathOf(odd).replaceAll("%3B", ";"))).status, 200)
      assert.strictEqual(yield* codeOf(yield* request(pathOf({ ...ref, node: "node-2" }))), "core-not-found")
    }))

  it.effect("a core that was never stored", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore({}, { comm: "crashme" })
      assert.strictEqual(yield* codeOf(yield* request(path)), "core-not-stored")
      assert.strictEqual((yield* request(path, { method: "HEAD" })).status, 404)
    }))

  it.effect.each(["?x=1", "?decompress=maybe", "?decompress=true&decompress=no", "?namespace=a"])(
    "%s",
    (query) =>
      Effect.gen(function*() {
        const { path, request } = yield* withCore()
        assert.strictEqual(yield* codeOf(yield* request(path + query)), "invalid-query")
      })
  )
})

describe("?decompress=true", () => {
  it.effect("the core itself: no length, no ranges, a name without the extension", () =>
    Effect.gen(function*() {
      const { path, ref, request } = yield* withCore()
      for (const method of ["GET", "HEAD"]) {
        const response = yield* request(`${path}?decompress=true`, { method, headers: { range: "bytes=0-1" } })
        assert.strictEqual(response.status, 200)
        assert.include(Object.fromEntries(response.headers), {
          "content-disposition": `attachment; filename=${ref.id.replace(".zst", "")}`,
          "content-type": "application/octet-stream"
        })
        for (const header of ["accept-ranges", "content-length", "etag"]) {
          assert.isFalse(response.headers.has(header), header)
        }
        assert.strictEqual(yield* textOf(response), method === "GET" ? "the core itself" : "")
      }
      assert.strictEqual((yield* request(`${path}?decompress=false`)).headers.get("content-type"), "application/zstd")
    }))

  it.effect("HEAD starts no decompressor", () =>
    Effect.gen(function*() {
      const { around } = watched(() => Stream.die("started"))
      const { path, request } = yield* withCore({ around })
      assert.strictEqual((yield* request(`${path}?decompress=true`, { method: "HEAD" })).status, 200)
    }))

  it.effect("what fails at once has its own status", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore({}, { content: bytes("") })
      assert.strictEqual(yield* codeOf(yield* request(`${path}?decompress=true`)), "core-unreadable")
      const unknown = yield* withCore(watched(() => Stream.fail(new UnsupportedCompression({ compression: "lz4" }))))
      const problem = yield* problemOf(yield* unknown.request(`${unknown.path}?decompress=true`))
      assert.include(problem, { status: 415, compression: "lz4" })
    }))

  it.effect("what fails later never ends cleanly", () =>
    Effect.gen(function*() {
      const { around } = watched((ref) =>
        Stream.concat(Stream.make(bytes("the core")), Stream.fail(new CoreUnreadable(ref)))
      )
      const { path, request } = yield* withCore({ around })
      const response = yield* request(`${path}?decompress=true`)
      assert.strictEqual(response.status, 200)
      yield* Effect.flip(Effect.tryPromise(() => response.text()))
    }))
})

describe("bounds", () => {
  it.effect("so many downloads at once; HEAD and 304 do not count", () =>
    Effect.gen(function*() {
      const { around } = watched(() => Stream.concat(Stream.make(bytes("the core")), Stream.never))
      const { path, request } = yield* withCore({ around, maxDownloads: 1 })
      const running = yield* request(`${path}?decompress=true`)
      const refused = yield* request(path)
      assert.match(refused.headers.get("retry-after")!, /^\d+$/)
      assert.strictEqual(yield* codeOf(refused), "too-many-downloads")
      assert.strictEqual((yield* request(path, { method: "HEAD" })).status, 200)
      assert.strictEqual((yield* request(path, { headers: { "if-none-match": "*" } })).status, 304)
      yield* Effect.promise(() => running.body!.cancel())
      const next = yield* request(path).pipe(Effect.repeat({ until: ({ status }) => status === 200, times: 100 }))
      assert.strictEqual(yield* textOf(next), "0123456789")
    }))

  it.effect("no answer leaves the file open", () =>
    Effect.gen(function*() {
      const { around, open } = watched()
      const { path, request } = yield* withCore({ around })
      const requests: ReadonlyArray<readonly [string, RequestInit?]> = [
        [path],
        [path, { method: "HEAD" }],
        [path, { headers: { "if-none-match": "*" } }],
        [path, { headers: { "if-match": "\"other\"" } }],
        [path, { headers: { range: "bytes=99-" } }],
        [`${path}?decompress=true`],
        [`${path}?decompress=true`, { method: "HEAD" }]
      ]
      for (const [path, init] of requests) yield* Effect.flatMap(request(path, init), textOf)
      yield* Effect.flatMap(request(path), ({ body }) => Effect.promise(() => body!.cancel()))
      assert.deepStrictEqual(open, { now: 0, ever: requests.length + 1 })
    }))
})
