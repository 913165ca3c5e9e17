import { assert, describe, it } from "@effect/vitest"
import { type CoreSource, NodeConnector, type Problem, watchCores } from "@koredump/core"
import { Effect, Fiber, Layer, Logger, References, Schedule, type Scope, Stream } from "effect"
import { TestClock } from "effect/testing"
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import tls from "node:tls"
import { hasOpenssl, makeAuthority } from "../../../test-support/certificates.ts"
import { type Handler, json, makeCoreHandler, ref, serve, waitUntil } from "../../../test-support/coreServer.ts"
import { serveTls } from "../../../test-support/httpServer.ts"
import { type HttpNodeConnectorOptions, layerHttpNodeConnector } from "../src/index.ts"
import { invalidAddressReason } from "../src/layerHttpNodeConnector.ts"

const list = (source: CoreSource["Service"]) => source.list({})
const retryUntilSuccess = Effect.retry({ schedule: Schedule.spaced("5 millis") })

/** Connects to a node and runs an operation on its source. */
const withNode = <A, E>(
  address: string,
  options: HttpNodeConnectorOptions,
  operation: (source: CoreSource["Service"]) => Effect.Effect<A, E, Scope.Scope>
) =>
  NodeConnector.use((connector) => connector.connect({ name: "node-1", address })).pipe(
    Effect.flatMap(operation),
    Effect.scoped,
    Effect.provide(layerHttpNodeConnector({ reloadInterval: "5 millis", ...options }))
  )

const temporaryFiles = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "koredump-connector-"))
    return {
      directory,
      // Atomically, as tools that renew such files do.
      write: (name: string, text: string) => {
        writeFileSync(join(directory, `${name}.new`), text)
        renameSync(join(directory, `${name}.new`), join(directory, name))
        return join(directory, name)
      }
    }
  }),
  ({ directory }) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const sendNoCores: Handler = (_, response) => json(response, [])

/** The error of a connector that does not start. */
const startError = (options: HttpNodeConnectorOptions) =>
  Effect.map(Effect.flip(Layer.build(layerHttpNodeConnector(options))), ({ message }) => message)

/** The TLS version that the Node.js client negotiates with the server. */
const negotiateTls = (url: string, ca: string) =>
  Effect.callback<string | null>((resume) => {
    const socket = tls.connect({ port: Number(new URL(url).port), host: "127.0.0.1", ca }, () => {
      resume(Effect.succeed(socket.getProtocol()))
      socket.destroy()
    })
    socket.on("error", (error) => resume(Effect.die(error)))
  })

/** Collects log lines: `message key=value key=value`, with sorted keys. */
const collectLog = (log: Array<string>) =>
  Logger.layer([
    Logger.make(({ fiber, message }) => {
      const annotations = Object.entries(fiber.getRef(References.CurrentLogAnnotations)).toSorted()
      log.push([String(message), ...annotations.map(([key, value]) => `${key}=${String(value)}`)].join(" "))
    })
  ])

describe("node address", () => {
  it.each([
    ["https://10.0.0.7:5001", false, undefined],
    ["https://[fd00::7]:5001", false, undefined],
    ["http://10.0.0.7:5001", true, undefined],
    ["http://10.0.0.7:5001", false, "plain HTTP is not allowed"],
    ["ftp://10.0.0.7", true, "not an http:// or https:// URL"],
    ["10.0.0.7:5001", true, "not an http:// or https:// URL"],
    ["", true, "not an http:// or https:// URL"],
    ["https://u:p@10.0.0.7", true, "credentials, queries and fragments are not supported"],
    ["https://10.0.0.7/?x=1", true, "credentials, queries and fragments are not supported"]
  ])("%s, plain HTTP allowed: %s", (address, insecure, reason) => {
    assert.strictEqual(invalidAddressReason(address, insecure), reason)
  })

  it.live("that is invalid gets no connection and no token", () =>
    Effect.gen(function*() {
      let connections = 0
      const url = yield* serve(() => connections += 1)
      const failure = yield* Effect.flip(withNode(url, { token: "secret" }, list))
      assert.include(failure, { _tag: "NodeFailed" })
      assert.match(failure.message, /^Invalid address of node node-1 \(http:.*\): plain HTTP is not allowed\.$/)
      assert.strictEqual(connections, 0)
    }).pipe(Effect.scoped))
})

describe("files", () => {
  it.live("sends the current token of the file, and no request while the file is not usable", () =>
    Effect.gen(function*() {
      const requests: Array<string | undefined> = []
      const url = yield* serve((request, response) => {
        requests.push(request.headers.authorization)
        json(response, [])
      })
      const { directory, write } = yield* temporaryFiles
      const tokenFile = write("token", "first\n")
      const log: Array<string> = []
      yield* withNode(url, { tokenFile, insecureHttp: true }, (source) =>
        Effect.gen(function*() {
          yield* list(source)
          write("token", "second\n")
          yield* list(source).pipe(Effect.repeat({ until: () => requests.at(-1) === "Bearer second" }))
          rmSync(join(directory, "token"))
          const failure = yield* list(source).pipe(Effect.repeat({ while: () => true }), Effect.flip)
          assert.include(failure, { _tag: "NodeFailed" })
          const before = requests.length
          yield* Effect.flip(list(source))
          assert.strictEqual(requests.length, before)
          assert.notInclude(JSON.stringify(failure), directory)
          write("token", "third")
          yield* retryUntilSuccess(list(source))
        })).pipe(Effect.provide(collectLog(log)))
      assert.strictEqual(requests[0], "Bearer first")
      assert.strictEqual(requests.at(-1), "Bearer third")
      assert.deepStrictEqual(log, [
        `Node token file not usable file=${tokenFile} reason=cannot be read: no such file or directory`
      ])
    }).pipe(Effect.scoped))

  it.live("must be usable at the start", () =>
    Effect.gen(function*() {
      const { write } = yield* temporaryFiles
      assert.match(
        yield* startError({ tokenFile: "/no/such" }),
        /^Node token file \/no\/such: cannot be read: no such file or directory\. /
      )
      assert.match(yield* startError({ tokenFile: write("empty", "\n") }), /no valid token in the file/)
      assert.match(yield* startError({ tokenFile: write("two", "a\nb") }), /no valid token in the file/)
      assert.match(
        yield* startError({ ca: "/no/such" }),
        /^Node CA file \/no\/such: cannot be read: no such file or directory\. /
      )
      assert.match(yield* startError({ ca: write("ca", "nothing") }), /no PEM certificates in the file/)
      const cut = "-----BEGIN CERTIFICATE-----\nMIIB\n"
      assert.match(yield* startError({ ca: write("cut", cut) }), /no PEM certificates in the file/)
    }).pipe(Effect.scoped))
})

describe("requests", () => {
  it.live("encode the names of cores", () =>
    Effect.gen(function*() {
      const requests: Array<string> = []
      const { handler } = makeCoreHandler(Buffer.from("0123"))
      const url = yield* serve((request, response) => {
        requests.push(`${request.method} ${request.url}`)
        handler(request, response)
      })
      const unusual = { node: "node-1", id: "core.a#b?c%41\\é x.0.0123456789abcdef0123456789abcdef.1.1700000000000000" }
      yield* withNode(url, { insecureHttp: true }, (source) =>
        Effect.flatMap(source.open(unusual as typeof ref), (file) =>
          Stream.runDrain(file.bytes())))
      const path = `/apiv1/cores/download/node-1/${encodeURIComponent(unusual.id)}`
      assert.deepStrictEqual(requests, [`HEAD ${path}`, `GET ${path}`])
    }).pipe(Effect.scoped))

  it.live("do not wait for a busy node: its 429 is the result", () =>
    Effect.gen(function*() {
      let count = 0
      const url = yield* serve((_, response) => {
        count += 1
        json(response, { type: "https://koredump.dev/problems/too-many-downloads" }, 429, { "retry-after": "5" })
      })
      const failure = yield* Effect.flip(withNode(url, { insecureHttp: true }, list))
      assert.strictEqual(failure._tag, "TooManyDownloads")
      assert.strictEqual(count, 1)
    }).pipe(Effect.scoped))

  it.live("are retried once if the node closes the connection", () =>
    Effect.gen(function*() {
      let count = 0
      const once = yield* serve((_, response) => (count += 1) === 1 ? response.destroy() : json(response, []))
      yield* withNode(once, { insecureHttp: true }, list)
      assert.strictEqual(count, 2)
      const always = yield* serve((_, response) => {
        count += 1
        response.destroy()
      })
      assert.include(yield* Effect.flip(withNode(always, { insecureHttp: true }, list)), { _tag: "NodeFailed" })
      assert.strictEqual(count, 4)
    }).pipe(Effect.scoped))

  it.effect("time out after 10 seconds without a response, 15 in a watch, 60 in a download", () =>
    Effect.gen(function*() {
      const { handler } = makeCoreHandler(Buffer.from("0123"))
      let isWaiting = false
      const started = Effect.sync(() => {
        isWaiting = true
      })
      const url = yield* serve((request, response) => {
        if (request.url!.includes("watch")) {
          return response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
        }
        if (request.method === "HEAD") return handler(request, response)
        if (request.url!.includes("download")) return response.writeHead(200, { "content-length": "4" }).write("01")
        isWaiting = true
      })
      const check = (
        seconds: number,
        operation: (source: CoreSource["Service"]) => Effect.Effect<unknown, Problem, Scope.Scope>
      ) =>
        Effect.gen(function*() {
          isWaiting = false
          const fiber = yield* Effect.forkScoped(Effect.flip(withNode(url, { insecureHttp: true }, operation)))
          yield* waitUntil(() => isWaiting)
          yield* TestClock.adjust(`${seconds - 1} seconds`)
          assert.isUndefined(fiber.pollUnsafe())
          yield* TestClock.adjust("1 second")
          assert.include(yield* Fiber.join(fiber), { _tag: "NodeTimeout" })
        })
      yield* check(10, list)
      yield* check(15, (source) => Stream.runForEach(source.changes(), () => started))
      yield* check(
        60,
        (source) => Effect.flatMap(source.open(ref), (file) => Stream.runForEach(file.bytes(), () => started))
      )
    }).pipe(Effect.scoped))

  it.live("time out if the node sends nothing, in a response and in a watch", () =>
    Effect.gen(function*() {
      const silent = yield* serve(() => {})
      const limits = { insecureHttp: true, timeout: "50 millis", watchIdleTimeout: "50 millis" } as const
      assert.include(yield* Effect.flip(withNode(silent, limits, list)), { _tag: "NodeTimeout" })
      const stuck = yield* serve((_, response) =>
        response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
      )
      const body = yield* serve((_, response) => response.write("["))
      const idle = { insecureHttp: true, idleTimeout: "50 millis" } as const
      assert.include(yield* Effect.flip(withNode(body, idle, list)), { _tag: "NodeTimeout" })
      const watch = withNode(stuck, limits, (source) => Stream.runDrain(source.changes()))
      assert.include(yield* Effect.flip(watch), { _tag: "NodeTimeout" })
    }).pipe(Effect.scoped))

  it.live("fail if the response is too large", () =>
    Effect.gen(function*() {
      let sent = 0
      const url = yield* serve((_, response) => {
        const more = (): void => {
          sent += 1
          response.write(" ".repeat(1024 * 1024), (error) => {
            if (error === undefined || error === null) return sent < 100 ? more() : void response.end("[]")
          })
        }
        more()
      })
      const problem = yield* Effect.flip(withNode(url, { insecureHttp: true }, (source) => source.nodes))
      assert.include(problem.message, "sent a response with more than 65536 bytes")
      assert.isBelow(sent, 40)
    }).pipe(Effect.scoped))

  it.live("reuse connections, also with a watch and downloads", () =>
    Effect.gen(function*() {
      const sockets = new Set<unknown>()
      const { handler } = makeCoreHandler(Buffer.from("0123"))
      const url = yield* serve((request, response) => {
        sockets.add(request.socket)
        if (request.url!.includes("watch")) {
          return response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
        }
        if (request.url!.includes("download")) return handler(request, response)
        json(response, [])
      })
      yield* withNode(url, { insecureHttp: true }, (source) =>
        Effect.gen(function*() {
          const watching = yield* Effect.forkChild(Stream.runDrain(watchCores(source)))
          for (let i = 0; i < 5; i++) {
            yield* list(source)
            const file = yield* source.open(ref)
            yield* Stream.runDrain(file.bytes())
            yield* Stream.runDrain(file.bytes({ start: 1, end: 3 }))
            yield* Effect.scoped(Effect.flatMap(file.reader!(), (read) =>
              Effect.promise(async (signal) => {
                assert.strictEqual(await read(new Uint8Array(4), signal), 4)
                await new Promise((resolve) => setImmediate(resolve))
              })))
          }
          yield* Fiber.interrupt(watching)
        }))
      assert.strictEqual(sockets.size, 2)
    }).pipe(Effect.scoped))
})

describe.skipIf(!hasOpenssl)("TLS (needs openssl)", () => {
  const [trusted, other] = hasOpenssl
    ? [makeAuthority("trusted", "DNS:koredump-node", "IP:127.0.0.1"), makeAuthority("other", "DNS:koredump-node")]
    : []
  it.live("accepts a node whose certificate has the name and is signed by the CA", () =>
    Effect.gen(function*() {
      const { write } = yield* temporaryFiles
      const ca = write("ca.crt", trusted!.ca)
      const named = yield* serveTls(trusted!.certificates[0]!, sendNoCores)
      const byAddress = yield* serveTls(trusted!.certificates[1]!, sendNoCores)
      const untrusted = yield* serveTls(other!.certificates[0]!, sendNoCores)
      const serverName = "koredump-node"

      yield* withNode(named, { ca, serverName }, list)
      yield* withNode(byAddress, { ca }, list)
      const failure = (address: string, options: HttpNodeConnectorOptions) =>
        Effect.map(Effect.flip(withNode(address, options, list)), ({ message }) => message)
      assert.match(yield* failure(named, { ca }), /ERR_TLS_CERT_ALTNAME_INVALID/)
      assert.match(yield* failure(byAddress, { ca, serverName }), /ERR_TLS_CERT_ALTNAME_INVALID/)
      assert.match(yield* failure(untrusted, { ca, serverName }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
      assert.match(yield* failure(named, { serverName }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
    }).pipe(Effect.scoped))

  it.live("reads a large core into the caller's buffers", () =>
    Effect.gen(function*() {
      const { write } = yield* temporaryFiles
      const content = Buffer.from(new Uint8Array(5_000_000).map((_, i) => (i * 7) % 253))
      const url = yield* serveTls(trusted!.certificates[1]!, makeCoreHandler(content).handler)
      const parts: Array<Buffer> = []
      yield* withNode(url, { ca: write("ca.crt", trusted!.ca) }, (source) =>
        Effect.gen(function*() {
          const file = yield* source.open(ref)
          const read = yield* file.reader!()
          const buffer = Buffer.alloc(300_000)
          let bytes = 0
          do {
            bytes = yield* Effect.promise((signal) => read(buffer, signal))
            parts.push(Buffer.from(buffer.subarray(0, bytes)))
          } while (bytes > 0)
        }))
      assert.isTrue(Buffer.concat(parts).equals(content))
    }).pipe(Effect.scoped))

  it.live("requires TLS 1.2 or newer, whatever the Node.js defaults are", () =>
    Effect.gen(function*() {
      const { write } = yield* temporaryFiles
      const ca = write("ca.crt", trusted!.ca)
      const { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION } = tls
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.assign(tls, { DEFAULT_CIPHERS: "ALL@SECLEVEL=0", DEFAULT_MIN_VERSION: "TLSv1" })),
        () => Effect.sync(() => Object.assign(tls, { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION }))
      )
      const url = yield* serveTls({ ...trusted!.certificates[1]!, maxVersion: "TLSv1.1" }, sendNoCores)
      assert.strictEqual(yield* negotiateTls(url, trusted!.ca), "TLSv1.1")
      assert.match((yield* Effect.flip(withNode(url, { ca }, list))).message, /EPROTO/)
    }).pipe(Effect.scoped))

  it.live("uses a changed CA file for new connections, and keeps a running watch", () =>
    Effect.gen(function*() {
      const { write } = yield* temporaryFiles
      const ca = write("ca.crt", trusted!.ca)
      let push: (() => void) | undefined
      let closed = 0
      const url = yield* serveTls({ ...trusted!.certificates[0]!, keepAliveTimeout: 60_000 }, (request, response) => {
        if (!request.url!.includes("watch")) {
          request.socket.once("close", () => closed += 1)
          return sendNoCores(request, response)
        }
        push = () => response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
        push()
      })
      const untrusted = yield* serveTls(other!.certificates[0]!, sendNoCores)
      const log: Array<string> = []
      const seen: Array<string> = []
      yield* Effect.gen(function*() {
        const connector = yield* NodeConnector
        const source = yield* connector.connect({ name: "node-1", address: url })
        const second = yield* connector.connect({ name: "node-2", address: untrusted })
        yield* list(source)
        const watching = yield* source.changes().pipe(
          Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
          Effect.forkChild
        )
        yield* waitUntil(() => seen.length === 1)

        write("ca.crt", "garbage")
        yield* waitUntil(() => log.length > 0)
        assert.deepStrictEqual(log, [`Node CA file reload failed file=${ca} reason=no PEM certificates in the file`])
        yield* list(source)

        write("ca.crt", other!.ca)
        yield* waitUntil(() => log.length > 2)
        assert.deepStrictEqual(log.slice(1), [
          `Node CA file readable again file=${ca}`,
          `Node CA file reloaded file=${ca}`
        ])
        // The idle connection is closed, the one of the watch is not.
        yield* waitUntil(() => closed > 0)
        assert.match((yield* Effect.flip(list(source))).message, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
        yield* list(second)
        push!()
        yield* waitUntil(() => seen.length === 2)
        yield* Fiber.interrupt(watching)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          layerHttpNodeConnector({ ca, serverName: "koredump-node", reloadInterval: "5 millis" }).pipe(
            Layer.provideMerge(collectLog(log))
          )
        )
      )
    }).pipe(Effect.scoped))
})
