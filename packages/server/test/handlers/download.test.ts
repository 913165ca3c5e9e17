import { assert, describe, it } from "@effect/vitest"
import { type CoreRef, CoreSource, CoreUnreadable, type Problem, UnsupportedCompression } from "@koredump/core"
import { Effect, Layer, Stream } from "effect"
import { type App, bytes, makeApp, readProblem, readProblemCode, readText } from "../support/app.ts"

const content = bytes("0123456789")
const core = { comm: "crashme", compression: "zstd", content, decompressed: bytes("the core itself") } as const

const getPath = (ref: CoreRef, query = "") => `/apiv1/cores/download/${ref.node}/${encodeURIComponent(ref.id)}${query}`

/** The headers except the request ID. */
const getHeaders = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name !== "x-request-id"))

/** Makes an app with one core. */
const withCore = (settings: Parameters<typeof makeApp>[0] = {}, scripted: Parameters<App["fake"]["put"]>[0] = core) =>
  Effect.gen(function*() {
    const app = yield* makeApp(settings)
    const ref = yield* app.fake.put(scripted)
    return { ...app, ref, path: getPath(ref) }
  })

/** Wraps the fake source: counts open files, and can replace the decompressed core. */
const countOpenFiles = (decompressed?: (ref: CoreRef) => Stream.Stream<Uint8Array, Problem>) => {
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
  it.effect("sends the stored file with its headers", () =>
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
      assert.strictEqual(yield* readText(response), "0123456789")
    }))

  it.effect.each(
    [
      ["zstd", "application/zstd"],
      ["lz4", "application/x-lz4"],
      ["xz", "application/x-xz"],
      ["none", "application/octet-stream"]
    ] as const
  )("sends %s as %s", ([compression, type]) =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore({}, { ...core, compression })
      assert.strictEqual((yield* request(path)).headers.get("content-type"), type)
    }))

  it.effect("answers HEAD with the same headers and no body", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const [got, head] = [yield* request(path), yield* request(path, { method: "HEAD" })]
      assert.deepStrictEqual(getHeaders(head), getHeaders(got))
      assert.strictEqual(yield* readText(head), "")
    }))

  it.effect("sends a range", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const response = yield* request(path, { headers: { range: "bytes=-3" } })
      assert.strictEqual(response.status, 206)
      assert.include(Object.fromEntries(response.headers), {
        "content-length": "3",
        "content-range": "bytes 7-9/10",
        "content-type": "application/zstd"
      })
      assert.strictEqual(yield* readText(response), "789")
      const several = yield* request(path, { headers: { range: "bytes=0-1,3-4" } })
      assert.strictEqual(several.status, 200)
      assert.strictEqual(yield* readText(several), "0123456789")
    }))

  it.effect("rejects a range beyond the end of the file", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const response = yield* request(path, { headers: { range: "bytes=10-" } })
      assert.strictEqual(response.headers.get("content-range"), "bytes */10")
      assert.strictEqual(yield* readProblemCode(response), "range-not-satisfiable")
    }))

  it.effect("evaluates conditions: 304 has validators and no body, 412 is a problem", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore()
      const etag = (yield* request(path, { method: "HEAD" })).headers.get("etag")!
      for (const method of ["GET", "HEAD"]) {
        const same = yield* request(path, { method, headers: { "if-none-match": etag } })
        assert.strictEqual(same.status, 304)
        assert.strictEqual(same.headers.get("etag"), etag)
        assert.strictEqual(yield* readText(same), "")
      }
      assert.strictEqual((yield* request(path, { headers: { "if-match": etag } })).status, 200)
      const other = yield* request(path, { headers: { "if-match": "\"other\"" } })
      assert.strictEqual(yield* readProblemCode(other), "precondition-failed")
      const resumed = { "if-range": "\"other\"", range: "bytes=5-" }
      assert.strictEqual((yield* request(path, { headers: resumed })).status, 200)
    }))

  it.effect("accepts the short path and encoded names, and rejects another node", () =>
    Effect.gen(function*() {
      const { fake, ref, request } = yield* withCore()
      assert.strictEqual((yield* request(`/apiv1/cores/download/${ref.id}`)).status, 200)
      const unusual = yield* fake.put({ ...core, comm: "a#b?c%41\\/\"é;&+ " })
      assert.strictEqual((yield* request(getPath(unusual))).status, 200)
      // A path can contain a semicolon without encoding.
      assert.strictEqual((yield* request(getPath(unusual).replaceAll("%3B", ";"))).status, 200)
      assert.strictEqual(yield* readProblemCode(yield* request(getPath({ ...ref, node: "node-2" }))), "core-not-found")
    }))

  it.effect("rejects a core that is not stored", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore({}, { comm: "crashme" })
      assert.strictEqual(yield* readProblemCode(yield* request(path)), "core-not-stored")
      assert.strictEqual((yield* request(path, { method: "HEAD" })).status, 404)
    }))

  it.effect.each(["?x=1", "?decompress=maybe", "?decompress=true&decompress=no", "?namespace=a"])(
    "rejects the query %s",
    (query) =>
      Effect.gen(function*() {
        const { path, request } = yield* withCore()
        assert.strictEqual(yield* readProblemCode(yield* request(path + query)), "invalid-query")
      })
  )
})

describe("?decompress=true", () => {
  it.effect("sends the decompressed core without length and ranges, and without the extension in its name", () =>
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
        assert.strictEqual(yield* readText(response), method === "GET" ? "the core itself" : "")
      }
      assert.strictEqual((yield* request(`${path}?decompress=false`)).headers.get("content-type"), "application/zstd")
    }))

  it.effect("does not start a decompressor for HEAD", () =>
    Effect.gen(function*() {
      const { around } = countOpenFiles(() => Stream.die("started"))
      const { path, request } = yield* withCore({ around })
      assert.strictEqual((yield* request(`${path}?decompress=true`, { method: "HEAD" })).status, 200)
    }))

  it.effect("answers with an error if decompression fails at once", () =>
    Effect.gen(function*() {
      const { path, request } = yield* withCore({}, { content: bytes("") })
      assert.strictEqual(yield* readProblemCode(yield* request(`${path}?decompress=true`)), "core-unreadable")
      const unknown = yield* withCore(
        countOpenFiles(() => Stream.fail(new UnsupportedCompression({ compression: "lz4" })))
      )
      const problem = yield* readProblem(yield* unknown.request(`${unknown.path}?decompress=true`))
      assert.include(problem, { status: 415, compression: "lz4" })
    }))

  it.effect("aborts the body if decompression fails later", () =>
    Effect.gen(function*() {
      const { around } = countOpenFiles((ref) =>
        Stream.concat(Stream.make(bytes("the core")), Stream.fail(new CoreUnreadable(ref)))
      )
      const { path, request } = yield* withCore({ around })
      const response = yield* request(`${path}?decompress=true`)
      assert.strictEqual(response.status, 200)
      yield* Effect.flip(Effect.tryPromise(() => response.text()))
    }))
})

describe("limits", () => {
  it.effect("limits concurrent downloads, without HEAD and 304", () =>
    Effect.gen(function*() {
      const { around } = countOpenFiles(() => Stream.concat(Stream.make(bytes("the core")), Stream.never))
      const { path, request } = yield* withCore({ around, maxDownloads: 1 })
      const running = yield* request(`${path}?decompress=true`)
      const rejected = yield* request(path)
      assert.match(rejected.headers.get("retry-after")!, /^\d+$/)
      assert.strictEqual(yield* readProblemCode(rejected), "too-many-downloads")
      assert.strictEqual((yield* request(path, { method: "HEAD" })).status, 200)
      assert.strictEqual((yield* request(path, { headers: { "if-none-match": "*" } })).status, 304)
      yield* Effect.promise(() => running.body!.cancel())
      const next = yield* request(path).pipe(Effect.repeat({ until: ({ status }) => status === 200 }))
      assert.strictEqual(yield* readText(next), "0123456789")
    }))

  it.effect("closes the file after each response", () =>
    Effect.gen(function*() {
      const { around, open } = countOpenFiles()
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
      for (const [path, init] of requests) yield* Effect.flatMap(request(path, init), readText)
      yield* Effect.flatMap(request(path), ({ body }) => Effect.promise(() => body!.cancel()))
      assert.deepStrictEqual(open, { now: 0, ever: requests.length + 1 })
    }))
})
