/** A cluster server and a node agent on real sockets. Clients must see the same as with one server. */
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
import { layerServe, type ServeOptions } from "../../src/app/layerServe.ts"
import { toProblemResponse } from "../../src/http/problemResponse.ts"
import { layerNoAuthorization } from "../../src/index.ts"
import {
  call,
  large,
  loopback,
  readBody,
  readFrom,
  serve,
  type Served,
  type Settings,
  until
} from "../support/httpServer.ts"

/** Starts a node agent and a cluster server, and waits until the cluster server lists the core. */
const serveCluster = (settings: Settings = {}, cluster: Partial<ServeOptions> = {}, nodeScope?: Scope.Scope) =>
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
        onListening: (url) => Effect.asVoid(Deferred.succeed(address, url))
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
      Effect.map(readBody(response), (body): ReadonlyArray<unknown> =>
        response.statusCode === 200 ? JSON.parse(String(body)) as ReadonlyArray<unknown> : [])
  )

const nodePath = ({ ref }: Served) => `/apiv1/cores/download/${encodeURIComponent(ref.id)}`

/** What must be the same in the responses of both servers. */
const getComparable = ({ headers, statusCode }: IncomingMessage) => {
  const { connection: _, date: __, "keep-alive": ___, "x-request-id": ____, ...rest } = headers
  return { statusCode, ...rest }
}

/** Reads that stop after some megabytes until they are released. */
const makeBlockedRead = Effect.map(
  Effect.acquireRelease(Effect.sync(() => Promise.withResolvers<void>()), ({ resolve }) => Effect.sync(resolve)),
  ({ promise, resolve }) => {
    const read = async (into: Uint8Array, position: number) => {
      if (position > 3_000_000) await promise
      return await readFrom(large)(into, position)
    }
    return { read, release: resolve }
  }
)

const readProblem = (response: IncomingMessage) =>
  Effect.map(readBody(response), (body) => {
    const { type, ...rest } = JSON.parse(String(body)) as Record<string, unknown>
    return { ...rest, code: String(type).replace("https://koredump.dev/problems/", "") } as Record<string, unknown>
  })

describe("a download through the cluster server", () => {
  it.live("has the same headers, ranges and conditional answers as from the node agent", () =>
    Effect.gen(function*() {
      const { node, path, url } = yield* serveCluster()
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
        const bodies = yield* Effect.all([readBody(one), readBody(two)])
        if (status < 400) {
          assert.deepStrictEqual(getComparable(two), getComparable(one), what)
          assert.isTrue(bodies[1]?.equals(bodies[0]!), what)
        }
      }
      yield* until(() => node.open() === 0)
    }))

  it.live.each(["a#b?c%41\\/\"é;&+ ", "..", "%2e%2e", "a b"])(
    "works for a program named %s",
    (comm) =>
      Effect.gen(function*() {
        const content = new Uint8Array([1, 2, 3])
        const { path, url } = yield* serveCluster({ core: { comm, content } })
        assert.deepStrictEqual(yield* readBody(yield* call(url + path)), Buffer.from(content))
      })
  )

  it.live("is decompressed by the node agent, and HEAD does not start a decompressor", () =>
    Effect.gen(function*() {
      let started = 0
      const file = (): Partial<CoreFile> => ({
        decompressed: Stream.suspend(() => {
          started += 1
          return Stream.make(Buffer.from("the core "), Buffer.from("itself"))
        })
      })
      const { path, url } = yield* serveCluster({ core: { compression: "zstd" }, file })
      const head = yield* call(`${url}${path}?decompress=true`, { method: "HEAD" })
      assert.strictEqual(head.statusCode, 200)
      assert.strictEqual(started, 0)
      const response = yield* call(`${url}${path}?decompress=true`)
      const { "transfer-encoding": _, ...expected } = getComparable(response)
      assert.deepStrictEqual(getComparable(head), expected)
      assert.strictEqual(String(yield* readBody(response)), "the core itself")
      assert.strictEqual(started, 1)
    }))
})

describe("an error of the node agent", () => {
  it.live("404 is passed on with its reason, for HEAD too", () =>
    Effect.gen(function*() {
      const beforeOpen = Effect.fail(new CoreNotStored({ id: "x", detail: "RLIMIT_CORE" }))
      const { path, url } = yield* serveCluster({ beforeOpen })
      const response = yield* call(url + path)
      assert.strictEqual(response.statusCode, 404)
      assert.include(yield* readProblem(response), { code: "core-not-stored", node: "worker-1", detail: "RLIMIT_CORE" })
      assert.strictEqual((yield* call(url + path, { method: "HEAD" })).statusCode, 404)
    }))

  it.live("415 is passed on", () =>
    Effect.gen(function*() {
      const decompressed = Stream.fail(new UnsupportedCompression({ compression: "xz" }))
      const { path, url } = yield* serveCluster({ file: () => ({ decompressed }) })
      const response = yield* call(`${url}${path}?decompress=true`)
      assert.strictEqual(response.statusCode, 415)
      assert.include(yield* readProblem(response), { code: "unsupported-compression", compression: "xz" })
    }))

  it.live("429 is passed on at once, with Retry-After", () =>
    Effect.gen(function*() {
      const { node, path, url } = yield* serveCluster({ maxDownloads: 1 })
      const first = yield* call(node.url + nodePath(node))
      const started = performance.now()
      const second = yield* call(url + path)
      assert.strictEqual(second.statusCode, 429)
      assert.strictEqual(second.headers["retry-after"], "5")
      assert.include(yield* readProblem(second), { code: "too-many-downloads" })
      assert.isBelow(performance.now() - started, 2000)
      assert.isTrue((yield* readBody(first))?.equals(large))
    }))

  it.live("401 becomes 502, because the node agent rejected the token of the cluster server", () =>
    Effect.gen(function*() {
      let accept = true
      const authorization = Layer.succeed(Authorization, {
        bearer: (handler, options) =>
          accept ? bearer(handler, options) : toProblemResponse(new Unauthorized({ detail: "expired" }))
      })
      const { bearer } = yield* Effect.provide(Authorization, layerNoAuthorization)
      const { path, url } = yield* serveCluster({ authorization: Layer.merge(authorization, layerAllowAll) })
      accept = false
      const response = yield* call(url + path)
      assert.strictEqual(response.statusCode, 502)
      assert.include(yield* readProblem(response), { code: "node-failed", node: "worker-1" })
    }))
})

describe("a deletion through the cluster server", () => {
  it.live("is done or rejected by the node agent", () =>
    Effect.gen(function*() {
      const { node, url } = yield* serveCluster()
      const target = `${url}/apiv1/cores/delete/worker-1/${node.ref.id}`
      const first = yield* call(target, { method: "DELETE" })
      assert.deepStrictEqual([first.statusCode, String(yield* readBody(first))], [200, "{}"])
      const second = yield* call(target, { method: "DELETE" })
      assert.strictEqual(second.statusCode, 404)
      assert.include(yield* readProblem(second), { code: "core-not-stored", node: "worker-1" })
    }))
})

describe("an incomplete download through the cluster server", () => {
  it.live("is aborted if the file of the node ends early or becomes unreadable", () =>
    Effect.gen(function*() {
      for (
        const read of [
          readFrom(large.subarray(0, 3_000_000)),
          (into: Uint8Array, position: number) =>
            position > 3_000_000 ? Promise.reject(new Error("EIO")) : readFrom(large)(into, position)
        ]
      ) {
        const { log, path, url } = yield* serveCluster({ file: () => ({ read }) })
        const response = yield* call(url + path)
        assert.strictEqual(response.statusCode, 200)
        assert.isUndefined(yield* readBody(response))
        yield* until(() =>
          log.some(({ annotations, message }) =>
            message === "Download failed" && /connection/i.test((annotations as { reason: string }).reason)
          )
        )
      }
    }))

  it.live("is aborted if the node agent shuts down", () =>
    Effect.gen(function*() {
      const { read, release } = yield* makeBlockedRead
      const scope = yield* Scope.make()
      const { path, url } = yield* serveCluster({ file: () => ({ read }), gracePeriod: 0 }, {}, scope)
      const response = yield* call(url + path)
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      assert.isUndefined(yield* readBody(response))
      release()
      yield* Fiber.join(closing)
    }))

  it.live("no longer counts if the client disconnects while the node agent is blocked", () =>
    Effect.gen(function*() {
      const { read, release } = yield* makeBlockedRead
      const { log, node, path, url } = yield* serveCluster({ file: () => ({ read }), gracePeriod: 0 }, {
        maxDownloads: 1
      })
      const first = yield* call(url + path)
      yield* Effect.promise(() => once(first, "data"))
      first.destroy()
      yield* until(() => log.some(({ annotations }) => (annotations as { status?: number }).status === 499))
      const second = yield* call(url + path, { headers: { range: "bytes=0-9" } })
      assert.strictEqual(second.statusCode, 206)
      assert.strictEqual((yield* readBody(second))?.length, 10)
      release()
      yield* until(() => node.open() === 0)
    }))
})
