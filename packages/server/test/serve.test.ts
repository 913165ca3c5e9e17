/** The app on real sockets: what only they have. Kept connections, aborts, the parser, TLS, the ops port. */
import { assert, describe, it } from "@effect/vitest"
import { type CoreFile, type CoreRef, CoreSource, CoreUnreadable, type NodeStatus } from "@koredump/core"
import { type FakeCore, FakeCores, layerFake } from "@koredump/core/testing"
import { Context, Deferred, Effect, Layer, Logger, type Scope, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { Agent, type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http"
import { request as httpsRequest } from "node:https"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { layerNoAuthorization } from "../src/index.ts"
import { layerServe, type ServeOptions } from "../src/serve.ts"
import { bytes } from "./support.ts"

const loopback = { host: "127.0.0.1", port: 0, loopback: true }
const large = new Uint8Array(5 * 1024 * 1024 + 17).map((_, i) => i % 251)

type Read = NonNullable<CoreFile["read"]>

/** Reads of a file with this content, of so many bytes at most. */
const reading = (content: Uint8Array, most = Number.POSITIVE_INFINITY): Read => async (into, position) => {
  const part = content.subarray(position, position + Math.min(into.length, most))
  into.set(part)
  return part.length
}

interface Served {
  readonly url: string
  readonly log: ReadonlyArray<Record<string, unknown>>
  readonly ref: CoreRef
  /** Files that are open now. */
  readonly open: () => number
}

interface Settings extends Partial<ServeOptions> {
  readonly core?: FakeCore
  readonly file?: (file: CoreFile) => Partial<CoreFile>
  readonly nodes?: () => ReadonlyArray<NodeStatus>
}

/** Serves one core on a free port; its file can be read, as that of a host. */
const serve = (settings: Settings = {}): Effect.Effect<Served, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const context = yield* Layer.build(layerFake())
    const content = settings.core?.content ?? large
    const ref = yield* Context.get(context, FakeCores).put({ content, ...settings.core })
    const fake = Context.get(context, CoreSource)
    let open = 0
    const source = Layer.succeed(CoreSource, {
      ...fake,
      open: (ref) =>
        Effect.acquireRelease(Effect.sync(() => open += 1), () => Effect.sync(() => open -= 1)).pipe(
          Effect.andThen(fake.open(ref)),
          Effect.map((file) => ({ ...file, read: reading(content), ...settings.file?.(file) }))
        ),
      ...(settings.nodes === undefined ? {} : { nodes: Effect.sync(settings.nodes) })
    })
    const log: Array<Record<string, unknown>> = []
    const logger = Logger.map(Logger.formatStructured, (entry) => log.push(entry as never))
    const address = yield* Deferred.make<string>()
    yield* Layer.build(
      layerServe({
        listen: loopback,
        gracePeriod: "1 second",
        node: "node-1",
        ...settings,
        listening: (url) => Effect.asVoid(Deferred.succeed(address, url))
      }).pipe(Layer.provide([source, layerNoAuthorization]), Layer.provide(Logger.layer([logger])))
    )
    return { url: yield* Deferred.await(address), log, ref, open: () => open }
  })

const call = (url: string, options: RequestOptions & { readonly rejectUnauthorized?: boolean } = {}) =>
  Effect.promise(() =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const send = url.startsWith("https:") ? httpsRequest : httpRequest
      send(url, { agent: false, ...options }, resolve).on("error", reject).end()
    })
  )

/** The whole body, or nothing where it broke off. */
const bodyOf = (response: IncomingMessage) =>
  Effect.promise(async () => {
    const chunks: Array<Buffer> = []
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer)
    } catch {
      return undefined
    }
    return Buffer.concat(chunks)
  })

const until = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  })

const downloadUrl = ({ ref, url }: Served, query = "") => `${url}/apiv1/cores/download/${ref.node}/${ref.id}${query}`

const annotations = (served: Served, path: string) =>
  served.log.map((entry) => entry["annotations"] as Record<string, unknown>).find((line) => line["path"] === path)

describe("downloads", () => {
  it.live("whole files and ranges, one after another on one connection", () =>
    Effect.gen(function*() {
      const served = yield* serve()
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      const ports = new Set<number>()
      const ranges: ReadonlyArray<readonly [string | undefined, number, number]> = [[undefined, 0, large.length], [
        "bytes=5-5",
        5,
        6
      ], [
        "bytes=1048570-3145730",
        1_048_570,
        3_145_731
      ]]
      for (const [range, start, end] of ranges) {
        const headers = { "x-request-id": "id-1", ...(range === undefined ? {} : { range }) }
        const response = yield* call(downloadUrl(served), { agent, headers })
        ports.add(response.socket.localPort!)
        assert.strictEqual(response.statusCode, range === undefined ? 200 : 206)
        assert.strictEqual(response.headers["x-request-id"], "id-1")
        assert.strictEqual(Number(response.headers["content-length"]), end - start)
        assert.isTrue((yield* bodyOf(response))?.equals(large.subarray(start, end)))
      }
      assert.strictEqual(ports.size, 1)
      assert.strictEqual(served.open(), 0)
      yield* until(() => served.log.length === ranges.length)
      const path = new URL(downloadUrl(served)).pathname
      assert.include(annotations(served, path), { method: "GET", status: 200, bytes: large.length, request_id: "id-1" })
    }))

  it.live("an empty file", () =>
    Effect.gen(function*() {
      const served = yield* serve({ core: { content: bytes("") } })
      const response = yield* call(downloadUrl(served))
      assert.strictEqual(response.headers["content-length"], "0")
      assert.strictEqual((yield* bodyOf(response))?.length, 0)
    }))

  it.live.each<readonly [string, (read: Read) => Read]>([
    ["that ends early", (read) => async (into, position) => position > 2_000_000 ? 0 : read(into, position)],
    ["that cannot be read", (read) => async (into, position) => {
      if (position > 2_000_000) throw new Error("EIO")
      return read(into, position)
    }]
  ])("of a file %s break off, and the file is closed", ([, broken]) =>
    Effect.gen(function*() {
      const served = yield* serve({ file: () => ({ read: broken(reading(large)) }) })
      assert.isUndefined(yield* bodyOf(yield* call(downloadUrl(served))))
      yield* until(() => served.open() === 0)
      assert.include(served.log.map(({ message }) => String(message)).join(), "A download broke off")
      assert.strictEqual((yield* call(`${served.url}/health`)).statusCode, 200)
    }))

  it.live("of a file whose reads come in pieces are whole", () =>
    Effect.gen(function*() {
      const served = yield* serve({ file: () => ({ read: reading(large, 100_003) }) })
      assert.isTrue((yield* bodyOf(yield* call(downloadUrl(served))))?.equals(large))
    }))

  it.live("whose client goes close the file, and make room for the next", () =>
    Effect.gen(function*() {
      const served = yield* serve({ maxDownloads: 1 })
      const first = yield* call(downloadUrl(served))
      assert.strictEqual((yield* call(downloadUrl(served))).statusCode, 429)
      first.destroy()
      yield* until(() => served.open() === 0)
      assert.isTrue((yield* bodyOf(yield* call(downloadUrl(served))))?.equals(large))
    }))

  it.live("decompressed, that fail on the way, never end cleanly", () =>
    Effect.gen(function*() {
      const served = yield* serve({
        file: ({ ref }) => ({
          decompressed: Stream.concat(Stream.make(bytes("the core")), Stream.fail(new CoreUnreadable(ref)))
        })
      })
      // Broken off so soon that the client may not even see the head.
      const body = yield* call(downloadUrl(served, "?decompress=true")).pipe(
        Effect.flatMap(bodyOf),
        Effect.catchDefect(() => Effect.void)
      )
      assert.isUndefined(body)
      yield* until(() => served.open() === 0)
    }))

  it.live("HEAD reads nothing", () =>
    Effect.gen(function*() {
      const served = yield* serve({ file: () => ({ read: () => Promise.reject(new Error("read")) }) })
      const response = yield* call(downloadUrl(served), { method: "HEAD" })
      assert.strictEqual(response.statusCode, 200)
      assert.strictEqual(Number(response.headers["content-length"]), large.length)
      assert.strictEqual((yield* bodyOf(response))?.length, 0)
    }))
})

describe("watches", () => {
  it.live("have their headers at once, and free their place when the client goes", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ maxWatches: 1 })
      const version = (yield* call(`${url}/apiv1/cores`)).headers["koredump-resource-version"]
      const watch = `${url}/apiv1/watch?resourceVersion=${String(version)}`
      const first = yield* call(watch)
      assert.strictEqual(first.statusCode, 200)
      assert.strictEqual((yield* call(watch)).statusCode, 429)
      first.destroy()
      const next = yield* call(watch).pipe(Effect.repeat({ until: ({ statusCode }) => statusCode === 200, times: 200 }))
      assert.strictEqual(next.statusCode, 200)
    }))
})

/** What the server answers to these bytes until it closes the connection. */
const exchange = (url: string, text: string) =>
  Effect.promise(() =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text))
      let answer = ""
      socket.on("data", (chunk: Buffer) => answer += chunk.toString())
      socket.on("close", () => resolve(answer))
      socket.on("error", () => resolve(answer))
    })
  )

describe("what is no request", () => {
  it.live.each(
    [
      ["nonsense", "NONSENSE\r\n\r\n", 400],
      ["headers too large", `GET /health HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
      ["a URL too long", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
      ["two lengths", "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
      ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400]
    ] as const
  )("%s is a problem", ([, text, status]) =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const [head, body] = (yield* exchange(url, text)).split("\r\n\r\n")
      assert.match(head!, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(head!, /content-type: application\/problem\+json/i)
      assert.include(JSON.parse(body!), { type: "https://koredump.dev/problems/bad-request", status })
    }))
})

describe("the ops port", () => {
  const status = { name: "node-1", since: "2023-11-14T22:13:20Z", cores: 0, bytes: 0 } as const

  it.live("liveness, readiness in words, metrics", () =>
    Effect.gen(function*() {
      let nodes: ReadonlyArray<NodeStatus> = [{ ...status, state: "syncing" }]
      const served = yield* serve({ opsListen: loopback, nodes: () => nodes })
      const ops = () =>
        /Probes and metrics at (\S+)/.exec(served.log.map(({ message }) => String(message)).join("\n"))?.[1]
      yield* until(() => ops() !== undefined)
      const text = (path: string) =>
        Effect.flatMap(call(`${ops()}${path}`), (response) =>
          Effect.map(bodyOf(response), (body) => [response.statusCode, body!.toString()] as const))
      assert.deepStrictEqual(yield* text("/livez"), [200, "ok\n"])
      assert.deepStrictEqual(yield* text("/readyz"), [503, "not ready: node-1 is syncing\n"])
      nodes = [{ ...status, state: "ready", warnings: ["there is no journal"] }]
      assert.deepStrictEqual(yield* text("/readyz"), [200, "ready\nwarning: node-1: there is no journal\n"])
      yield* bodyOf(yield* call(downloadUrl(served)))
      yield* bodyOf(yield* call(`${served.url}/nothing/at/all`))
      yield* until(() =>
        served.log.filter(({ message }) => message === "request").length === 2
      )
      const [, metrics] = yield* text("/metrics")
      assert.match(metrics, /koredump_http_requests_total\{[^}]*route="\/apiv1\/cores\/download\/:node\/:id"[^}]*\} 1/)
      assert.match(metrics, /koredump_http_requests_total\{[^}]*route="unknown"[^}]*\} 1/)
      assert.match(metrics, /koredump_download_bytes_total \d+/)
      assert.match(metrics, /koredump_downloads_running 0/)
      assert.strictEqual((yield* call(`${ops()}/livez`, { method: "POST" })).statusCode, 405)
      assert.strictEqual((yield* call(`${ops()}/apiv1/cores`)).statusCode, 404)
    }))
})

const makeCertificate = () => {
  const directory = mkdtempSync(join(tmpdir(), "koredump-tls-"))
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")]
  const { status } = spawnSync(
    "openssl",
    (
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -keyout ${key} -out ${cert}`
    ).split(" ")
  )
  const pair = status === 0 ? { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } : undefined
  rmSync(directory, { recursive: true })
  return pair
}

describe("TLS", () => {
  const tls = makeCertificate()

  it.live.skipIf(tls === undefined)("1.2 or newer", () =>
    Effect.gen(function*() {
      const served = yield* serve({ tls: tls! })
      assert.match(served.url, /^https:/)
      const response = yield* call(downloadUrl(served), { rejectUnauthorized: false })
      assert.isTrue((yield* bodyOf(response))?.equals(large))
      const old = {
        rejectUnauthorized: false,
        minVersion: "TLSv1",
        maxVersion: "TLSv1.1",
        ciphers: "DEFAULT@SECLEVEL=0"
      }
      const failure = yield* Effect.promise(() =>
        new Promise<string>((resolve) => {
          httpsRequest(`${served.url}/health`, { agent: false, ...old as object }, () => resolve("answered"))
            .on("error", ({ message }) => resolve(message)).end()
        })
      )
      assert.match(failure, /protocol version/)
    }))
})
