import { assert, describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { Agent } from "node:http"
import { Agent as TlsAgent } from "node:https"
import { connect, type Socket } from "node:net"
import { makeCertificate } from "../support/certificate.ts"
import { call, downloadUrl, exchange, loopback, readBody, serve, type Served, until } from "../support/httpServer.ts"

/** Opens a TCP connection, sends nothing, and closes it at the end of the test. */
const openSilent = (url: string, allowHalfOpen = false): Effect.Effect<Socket, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(
        { port: Number(new URL(url).port), host: "127.0.0.1", allowHalfOpen },
        () => resume(Effect.succeed(socket))
      )
      socket.on("error", () => {}).resume()
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const awaitClose = (socket: Socket) => until(() => socket.closed)

const readMetric = Effect.fnUntraced(function*(served: Served, name: string) {
  const response = yield* call(`${yield* served.opsUrl}/metrics`)
  const text = (yield* readBody(response))!.toString()
  return Number(new RegExp(`^${name}\\{[^}]*port="main"[^}]*\\} (\\d+)`, "m").exec(text)?.[1])
})

/** More than the buffers of the kernel can take. */
const core = { content: new Uint8Array(16 * 1024 * 1024) }

/** Starts downloads that are not read, so that their requests go on. */
const holdDownloads = (served: Served, count: number, options: object = {}) =>
  Effect.forEach(
    Array.from({ length: count }),
    () =>
      Effect.acquireRelease(
        call(downloadUrl(served), options),
        (response) => Effect.sync(() => response.destroy())
      ),
    { concurrency: count }
  )

const tls = makeCertificate()

describe("a server with all connections in use", () => {
  it.live("closes the oldest silent connection in favor of a new one", () =>
    Effect.gen(function*() {
      const served = yield* serve({ maxConnections: 3, opsListen: loopback })
      const silent = [yield* openSilent(served.url), yield* openSilent(served.url), yield* openSilent(served.url)]
      const response = yield* call(`${served.url}/health`)
      assert.strictEqual(response.statusCode, 200)
      yield* readBody(response)
      yield* awaitClose(silent[0]!)
      assert.deepStrictEqual(silent.map(({ closed }) => closed), [true, false, false])
      assert.strictEqual(yield* readMetric(served, "koredump_connections_limit"), 3)
      assert.isAtLeast(yield* readMetric(served, "koredump_connections_replaced_total"), 1)
    }))

  it.live("answers while many silent connections are opened", () =>
    Effect.gen(function*() {
      const served = yield* serve({ maxConnections: 10 })
      yield* Effect.forEach(Array.from({ length: 200 }), () => openSilent(served.url), { concurrency: 50 })
      const response = yield* call(`${served.url}/health`)
      assert.strictEqual((yield* readBody(response))?.toString(), "OK\n")
    }))

  it.live("refuses a new one with 503 if all have a running request", () =>
    Effect.gen(function*() {
      const served = yield* serve({ core, maxConnections: 2, opsListen: loopback })
      yield* holdDownloads(served, 2)
      const { answer } = yield* exchange(served.url, "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
      const [head, body] = answer.split("\r\n\r\n")
      assert.match(head!, /^HTTP\/1.1 503 /)
      assert.match(head!, /^retry-after: 5\r?$/im)
      assert.include(JSON.parse(body!), { type: "https://koredump.dev/problems/server-busy", status: 503 })
      // The request was not parsed: it has no log entry.
      assert.isUndefined(served.log.find(({ message }) => message === "request"))
      assert.isAtLeast(yield* readMetric(served, "koredump_connections_refused_total"), 1)
      assert.strictEqual(yield* readMetric(served, "koredump_connections"), 2)
      // The warning is in /readyz, which needs no token, and in the status of the node.
      const ready = yield* Effect.flatMap(call(`${yield* served.opsUrl}/readyz`), readBody)
      assert.strictEqual(ready!.toString(), "ready\nwarning: 100 % of the limit for connections is in use.\n")
    }))

  it.live("shows it in the status of its node", () =>
    Effect.gen(function*() {
      const served = yield* serve({ core, maxConnections: 5 })
      yield* holdDownloads(served, 3)
      const nodes = yield* Effect.flatMap(call(`${served.url}/apiv1/nodes`), readBody)
      assert.deepStrictEqual(
        (JSON.parse(nodes!.toString()) as ReadonlyArray<{ warnings?: unknown }>)[0]!.warnings,
        ["80 % of the limit for connections is in use."]
      )
    }))

  it.live("reuses a connection whose request has ended", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ maxConnections: 1 })
      for (let i = 0; i < 3; i++) {
        const agent = new Agent({ keepAlive: true })
        yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
        assert.strictEqual((yield* readBody(yield* call(`${url}/health`, { agent })))?.toString(), "OK\n")
      }
    }))

  it.live.skipIf(tls === undefined)(
    "counts unfinished TLS handshakes, and keeps TLS connections with a request",
    () =>
      Effect.gen(function*() {
        const served = yield* serve({ core, maxConnections: 2, tls: tls!, opsListen: loopback })
        yield* holdDownloads(served, 1, { rejectUnauthorized: false })
        const silent = yield* openSilent(served.url)
        const agent = new TlsAgent({ keepAlive: true, rejectUnauthorized: false })
        yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
        const health = () => Effect.flatMap(call(`${served.url}/health`, { agent }), readBody)
        assert.strictEqual((yield* health())?.toString(), "OK\n")
        yield* awaitClose(silent)
        // An idle TLS connection is closed too.
        const another = yield* openSilent(served.url)
        const next = yield* openSilent(served.url)
        yield* awaitClose(another)
        next.destroy()
        yield* holdDownloads(served, 1, { rejectUnauthorized: false })
        const refused = yield* openSilent(served.url)
        yield* awaitClose(refused)
        assert.strictEqual(yield* readMetric(served, "koredump_connections"), 2)
      })
  )
})

describe("a connection after its last answer", () => {
  it.live("is closed, even if the client does not close it", () =>
    Effect.gen(function*() {
      const served = yield* serve({ opsListen: loopback })
      const socket = yield* openSilent(served.url, true)
      socket.write("NONSENSE\r\n\r\n")
      yield* until(() => socket.readableEnded)
      while ((yield* readMetric(served, "koredump_connections")) > 0);
    }))
})
