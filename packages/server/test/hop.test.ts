/** Two hops on real sockets: a node's server behind a cluster's. What users see must be as if there were one. */
import { assert, describe, it } from "@effect/vitest"
import {
  Authorization,
  type CoreFile,
  CoreNotStored,
  layerAllowAll,
  layerClusterCoreSource,
  layerStaticNodeDirectory,
  Unauthorized,
  UnsupportedCompression
} from "@koredump/core"
import { layerHttpNodeConnector } from "@koredump/transport"
import { Deferred, Effect, Exit, Fiber, Layer, Logger, Scope, Stream } from "effect"
import { once } from "node:events"
import type { IncomingMessage } from "node:http"
import { problemResponse } from "../src/http/problemResponse.ts"
import { layerNoAuthorization } from "../src/index.ts"
import { layerServe, type ServeOptions } from "../src/serve.ts"
import { bodyOf, call, large, loopback, reading, serve, type Served, type Settings, until } from "./served.ts"

/** The node's server, and a cluster's server in front of it, which knows the node's cores. */
const serveHop = (settings: Settings = {}, cluster: Partial<ServeOptions> = {}, nodeScope?: Scope.Scope) =>
  Effect.gen(function*() {
    const node = yield* Scope.provide(serve(settings), nodeScope ?? (yield* Effect.scope))
    const address = yield* Deferred.make<string>()
    const log: Array<Record<string, unknown>> = []
    const source = layerClusterCoreSource().pipe(
      Layer.provide([
        layerHttpNodeConnector({ insecureHttp: true, timeout: "2 seconds" }),
        layerStaticNodeDirectory([{ name: "worker-1", address: node.url }])
      ])
    )
    yield* Layer.build(
      layerServe({
        listen: loopback,
        gracePeriod: "1 second",
        ...cluster,
        listening: (url) => Effect.asVoid(Deferred.succeed(address, url))
      }).pipe(
        Layer.provide([source, layerNoAuthorization, layerAllowAll]),
        Layer.provide(Logger.layer([Logger.map(Logger.formatStructured, (entry) => void log.push(entry as never))]))
      )
    )
    const url = yield* Deferred.await(address)
    yield* Effect.repeat(list(url), { until: (cores) => cores.length > 0 })
    return { node, log, url, path: `/apiv1/cores/download/worker-1/${encodeURIComponent(node.ref.id)}` }
  })

const list = (url: string) =>
  Effect.flatMap(
    call(`${url}/apiv1/cores?state=any`),
    (response) =>
      Effect.map(bodyOf(response), (body): ReadonlyArray<unknown> =>
        response.statusCode === 200 ? JSON.parse(String(body)) as ReadonlyArray<unknown> : [])
  )

const nodePath = ({ ref }: Served) => `/apiv1/cores/download/${encodeURIComponent(ref.id)}`

/** What of an answer must be the same through one hop and two. */
const facts = ({ headers, statusCode }: IncomingMessage) => {
  const { connection: _, date: __, "keep-alive": ___, "x-request-id": ____, ...rest } = headers
  return { statusCode, ...rest }
}

/** Reads of a file that stop after some megabytes, until they are released. */
const standingStill = Effect.map(
  Effect.acquireRelease(Effect.sync(() => Promise.withResolvers<void>()), ({ resolve }) => Effect.sync(resolve)),
  ({ promise, resolve }) => {
    const read = async (into: Uint8Array, position: number) => {
      if (position > 3_000_000) await promise
      return await reading(large)(into, position)
    }
    return { read, release: resolve }
  }
)

const problem = (response: IncomingMessage) =>
  Effect.map(bodyOf(response), (body) => {
    const { type, ...rest } = JSON.parse(String(body)) as Record<string, unknown>
    return { ...rest, code: String(type).replace("https://koredump.dev/problems/", "") } as Record<string, unknown>
  })

describe("a download through two hops", () => {
  it.live("is the same as through one, headers and conditions and all", () =>
    Effect.gen(function*() {
      const { node, path, url } = yield* serveHop()
      const { headers: { etag, "last-modified": modified } } = yield* call(url + path, { method: "HEAD" })
      for (
        const [method, headers, status] of [
          ["GET", {}, 200],
          ["HEAD", {}, 200],
          ["GET", { range: "bytes=3-3000000" }, 206],
          ["GET", { range: "bytes=-5" }, 206],
          ["GET", { range: "bytes=5-5", "if-range": etag }, 206],
          ["GET", { range: "bytes=5-5", "if-range": modified }, 206],
          ["GET", { range: "bytes=5-5", "if-range": "\"other\"" }, 200],
          ["GET", { range: "bytes=99999999-" }, 416],
          ["GET", { "if-none-match": etag }, 304],
          ["HEAD", { "if-none-match": etag }, 304],
          ["GET", { "if-modified-since": modified }, 304],
          ["GET", { "if-match": etag }, 200],
          ["GET", { "if-match": "\"other\"" }, 412],
          ["GET", { "accept-encoding": "gzip" }, 200]
        ] as const
      ) {
        const [one, two] = yield* Effect.all([
          call(node.url + nodePath(node), { method, headers }),
          call(url + path, { method, headers })
        ])
        const what = `${method} ${JSON.stringify(headers)}`
        assert.strictEqual(two.statusCode, status, what)
        const bodies = yield* Effect.all([bodyOf(one), bodyOf(two)])
        if (status < 400) {
          assert.deepStrictEqual(facts(two), facts(one), what)
          assert.isTrue(bodies[1]?.equals(bodies[0]!), what)
        }
      }
      yield* until(() => node.open() === 0)
    }))

  it.live.each(["a#b?c%41\\/\"é;&+ ", "..", "%2e%2e", "a b"])(
    "of a program called %s",
    (comm) =>
      Effect.gen(function*() {
        const content = new Uint8Array([1, 2, 3])
        const { path, url } = yield* serveHop({ core: { comm, content } })
        assert.deepStrictEqual(yield* bodyOf(yield* call(url + path)), Buffer.from(content))
      })
  )

  it.live("decompressed where it is kept; a HEAD starts nothing", () =>
    Effect.gen(function*() {
      let started = 0
      const file = (): Partial<CoreFile> => ({
        decompressed: Stream.suspend(() => {
          started += 1
          return Stream.make(Buffer.from("the core "), Buffer.from("itself"))
        })
      })
      const { path, url } = yield* serveHop({ core: { compression: "zstd" }, file })
      const head = yield* call(`${url}${path}?decompress=true`, { method: "HEAD" })
      assert.strictEqual(head.statusCode, 200)
      assert.strictEqual(started, 0)
      const response = yield* call(`${url}${path}?decompress=true`)
      const { "transfer-encoding": _, ...expected } = facts(response)
      assert.deepStrictEqual(facts(head), expected)
      assert.strictEqual(String(yield* bodyOf(response)), "the core itself")
      assert.strictEqual(started, 1)
    }))
})

describe("what a node answers instead", () => {
  it.live("404 with the reason, for HEAD too", () =>
    Effect.gen(function*() {
      const beforeOpen = Effect.fail(new CoreNotStored({ id: "x", detail: "RLIMIT_CORE" }))
      const { path, url } = yield* serveHop({ beforeOpen })
      const response = yield* call(url + path)
      assert.strictEqual(response.statusCode, 404)
      assert.include(yield* problem(response), { code: "core-not-stored", node: "worker-1", detail: "RLIMIT_CORE" })
      assert.strictEqual((yield* call(url + path, { method: "HEAD" })).statusCode, 404)
    }))

  it.live("415", () =>
    Effect.gen(function*() {
      const decompressed = Stream.fail(new UnsupportedCompression({ compression: "xz" }))
      const { path, url } = yield* serveHop({ file: () => ({ decompressed }) })
      const response = yield* call(`${url}${path}?decompress=true`)
      assert.strictEqual(response.statusCode, 415)
      assert.include(yield* problem(response), { code: "unsupported-compression", compression: "xz" })
    }))

  it.live("429 with Retry-After, at once", () =>
    Effect.gen(function*() {
      const { node, path, url } = yield* serveHop({ maxDownloads: 1 })
      const first = yield* call(node.url + nodePath(node))
      const started = performance.now()
      const second = yield* call(url + path)
      assert.strictEqual(second.statusCode, 429)
      assert.strictEqual(second.headers["retry-after"], "5")
      assert.include(yield* problem(second), { code: "too-many-downloads" })
      assert.isBelow(performance.now() - started, 2000)
      assert.isTrue((yield* bodyOf(first))?.equals(large))
    }))

  it.live("401: it is the cluster's token that is refused, not the user's", () =>
    Effect.gen(function*() {
      let accept = true
      const authorization = Layer.succeed(Authorization, {
        bearer: (handler, options) =>
          accept ? bearer(handler, options) : problemResponse(new Unauthorized({ detail: "expired" }))
      })
      const { bearer } = yield* Effect.provide(Authorization, layerNoAuthorization)
      const { path, url } = yield* serveHop({ authorization: Layer.merge(authorization, layerAllowAll) })
      accept = false
      const response = yield* call(url + path)
      assert.strictEqual(response.statusCode, 502)
      assert.include(yield* problem(response), { code: "node-failed", node: "worker-1" })
    }))
})

describe("a deletion", () => {
  it.live("is the node's to do, and to refuse", () =>
    Effect.gen(function*() {
      const { node, url } = yield* serveHop()
      const target = `${url}/apiv1/cores/delete/worker-1/${node.ref.id}`
      const first = yield* call(target, { method: "DELETE" })
      assert.deepStrictEqual([first.statusCode, String(yield* bodyOf(first))], [200, "{}"])
      const second = yield* call(target, { method: "DELETE" })
      assert.strictEqual(second.statusCode, 404)
      assert.include(yield* problem(second), { code: "core-not-stored", node: "worker-1" })
    }))
})

describe("a download that breaks off", () => {
  it.live("is aborted: the node's file ends early, or the node cannot read on", () =>
    Effect.gen(function*() {
      for (
        const read of [
          reading(large.subarray(0, 3_000_000)),
          (into: Uint8Array, position: number) =>
            position > 3_000_000 ? Promise.reject(new Error("EIO")) : reading(large)(into, position)
        ]
      ) {
        const { log, path, url } = yield* serveHop({ file: () => ({ read }) })
        const response = yield* call(url + path)
        assert.strictEqual(response.statusCode, 200)
        assert.isUndefined(yield* bodyOf(response))
        yield* until(() =>
          log.some(({ message }) => String(message).startsWith("A download broke off: The connection"))
        )
      }
    }))

  it.live("is aborted: the node's server ends", () =>
    Effect.gen(function*() {
      const { read, release } = yield* standingStill
      const scope = yield* Scope.make()
      const { path, url } = yield* serveHop({ file: () => ({ read }), gracePeriod: 0 }, {}, scope)
      const response = yield* call(url + path)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      assert.isUndefined(yield* bodyOf(response))
      release()
      yield* Fiber.join(closing)
    }))

  it.live("gives its place back at once: the client goes while the node stands still", () =>
    Effect.gen(function*() {
      const { read, release } = yield* standingStill
      const { log, node, path, url } = yield* serveHop({ file: () => ({ read }), gracePeriod: 0 }, { maxDownloads: 1 })
      const first = yield* call(url + path)
      yield* Effect.promise(() => once(first, "data"))
      first.destroy()
      yield* until(() => log.some(({ annotations }) => (annotations as { status?: number }).status === 499))
      const second = yield* call(url + path, { headers: { range: "bytes=0-9" } })
      assert.strictEqual(second.statusCode, 206)
      assert.strictEqual((yield* bodyOf(second))?.length, 10)
      release()
      yield* until(() => node.open() === 0)
    }))
})
