import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { NodeFailed, NodeTimeout } from "@koredump/core"
import { Effect, type Scope } from "effect"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { once } from "node:events"
import { Agent } from "node:http"
import { Agent as SecureAgent } from "node:https"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { waitUntil } from "../../../test-support/coreServer.ts"
import { readBody } from "../src/readBody.ts"
import { SocketBody, socketBodyBytes } from "../src/SocketBody.ts"
import { withOwnConnections } from "../src/withOwnConnections.ts"

const content = Buffer.from(new Uint8Array(3_000_000).map((_, i) => (i * 7) % 253))
const notAborted = new AbortController().signal

/** Starts a server that answers with what `answer` writes. Returns its URL and what it received on each connection. */
const listen = (answer: (socket: Socket, connection: number) => void) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const received: Array<string> = []
      const sockets: Array<Socket> = []
      const server = createServer((socket) => {
        const connection = sockets.push(socket) - 1
        socket.on("error", () => undefined)
        socket.on("data", (bytes) => {
          received[connection] = (received[connection] ?? "") + bytes.toString("latin1")
          if (received[connection].endsWith("\r\n\r\n")) answer(socket, connection)
        })
      }).listen(0, "127.0.0.1")
      await once(server, "listening")
      return { server, sockets, received, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
    }),
    ({ server, sockets }) =>
      Effect.sync(() => {
        for (const socket of sockets) socket.destroy()
        server.close()
      })
  )

const agents = { http: new Agent(), https: new SecureAgent() }

const request = (url: string, headers: Record<string, string> = { connection: "close" }) =>
  Effect.flatMap(
    HttpClient.HttpClient,
    (client) =>
      HttpClient.withScope(withOwnConnections(client, agents)).execute(
        HttpClientRequest.get(`${url}/x?a=b`, { headers })
      )
  )

const run = <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | Scope.Scope>) =>
  effect.pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp))

const readAll = (response: HttpClientResponse.HttpClientResponse, idleMillis = 5000) =>
  Effect.promise(async () => {
    const read = readBody(response, {
      idleMillis,
      timedOut: () => new NodeTimeout({}),
      connectionLost: (cause) => new NodeFailed({ detail: String(cause) })
    })
    const parts: Array<Uint8Array> = []
    const buffer = new Uint8Array(100_003)
    try {
      for (let bytes = await read(buffer, notAborted); bytes > 0; bytes = await read(buffer, notAborted)) {
        parts.push(buffer.slice(0, bytes))
      }
    } catch (error) {
      return error
    }
    return Buffer.concat(parts)
  })

const ok = (length: number, ...fields: ReadonlyArray<string>) =>
  ["HTTP/1.1 200 OK", `Content-Length: ${length}`, ...fields, "", ""].join("\r\n")

describe("requests with their own connection", () => {
  it.live("reads the whole body, however it arrives", () =>
    run(Effect.gen(function*() {
      const answers: ReadonlyArray<(socket: Socket) => void> = [
        (socket) => socket.end(Buffer.concat([Buffer.from(ok(content.length, "ETag: \"1\"")), content])),
        (socket) => {
          const bytes = Buffer.concat([Buffer.from(ok(content.length, "ETag: \"1\"")), content])
          // The head in pieces, then what is left at once.
          socket.write(bytes.subarray(0, 10), () => setImmediate(() => socket.write(bytes.subarray(10))))
        }
      ]
      for (const answer of answers) {
        const { received, url } = yield* listen(answer)
        const response = yield* request(url, { connection: "close", "if-match": "\"1\"" })
        assert.strictEqual(response.status, 200)
        assert.strictEqual(response.headers["etag"], "\"1\"")
        assert.isTrue(content.equals((yield* readAll(response)) as Buffer))
        assert.lengthOf(received, 1)
        assert.match(
          received[0]!,
          /^GET \/x\?a=b HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\nconnection: close\r\nif-match: "1"\r\n(.+\r\n)*\r\n$/
        )
      }
    })))

  it.live("does not return bytes after the end of the body", () =>
    run(Effect.gen(function*() {
      const { url } = yield* listen((socket) => socket.write(`${ok(3)}abcdef`))
      assert.strictEqual(String(yield* readAll(yield* request(url))), "abc")
    })))

  it.live("fails if the body breaks off or sends nothing for too long", () =>
    run(Effect.gen(function*() {
      const cut = yield* listen((socket) => socket.end(`${ok(content.length)}abc`))
      assert.instanceOf(yield* readAll(yield* request(cut.url)), NodeFailed)
      const stuck = yield* listen((socket) => socket.write(`${ok(content.length)}abc`))
      assert.instanceOf(yield* readAll(yield* request(stuck.url), 20), NodeTimeout)
    })))

  it.live.each<readonly [string, (socket: Socket) => void]>([
    ["another status", (socket) => socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")],
    ["chunks", (socket) => socket.end("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")],
    ["garbage", (socket) => socket.end("\x16\x03\x01\r\n\r\n")],
    ["a head without end", (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(20_000)}`)],
    ["nothing", (socket) => socket.end()],
    ["a reset", (socket) => socket.resetAndDestroy()]
  ])("sends the request again with the HTTP client after %s", ([, answer]) =>
    run(Effect.gen(function*() {
      const { received, url } = yield* listen((socket, connection) =>
        connection === 0 ? answer(socket) : socket.end(`${ok(5)}again`)
      )
      const response = yield* request(url)
      assert.strictEqual(String(yield* readAll(response)), "again")
      assert.lengthOf(received, 2)
    })))

  it.live("uses the HTTP client for other requests", () =>
    run(Effect.gen(function*() {
      const { url } = yield* listen((socket) => socket.write(`${ok(5)}shown`))
      assert.strictEqual(yield* (yield* request(url, {})).text, "shown")
    })))

  it.live("closes the connection with the scope", () =>
    Effect.gen(function*() {
      const { sockets, url } = yield* listen((socket) => socket.write(`${ok(content.length)}abc`))
      yield* run(request(url))
      yield* waitUntil(() => sockets[0]!.destroyed || sockets[0]!.readableEnded)
    }).pipe(Effect.scoped))

  it.live("receives no more than its buffers hold while nobody reads", () =>
    run(Effect.gen(function*() {
      const block = Buffer.alloc(1024 * 1024)
      const { url } = yield* listen((socket) => {
        for (let i = 0; i < 64; i++) socket.write(block)
      })
      const body = new SocketBody()
      const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1", onread: body.onread })
      yield* Effect.addFinalizer(() => Effect.sync(() => socket.destroy()))
      body.attach(socket)
      socket.write("\r\n\r\n")
      yield* waitUntil(() => body.length > socketBodyBytes / 4)
      const into = new Uint8Array(1000)
      for (let i = 0; i < 200; i++) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        if (i % 10 === 0) body.copy(into)
        assert.isAtMost(body.length, socketBodyBytes)
      }
    })))
})
