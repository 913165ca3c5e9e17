import { assert, describe, it } from "@effect/vitest"
import { type CoreSource, NodeConnector, watchCores } from "@koredump/core"
import { Effect, Fiber, Layer, Logger, Schedule, type Scope, Stream } from "effect"
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import tls from "node:tls"
import { hasOpenssl, makeAuthority } from "../../../test-support/certificates.ts"
import { serveTls } from "../../../test-support/httpServer.ts"
import { coreServer, type Handler, json, ref, serve, until } from "../../client-sdk/test/support.ts"
import { type HttpNodeConnectorOptions, layerHttpNodeConnector } from "../src/index.ts"
import { invalidAddressReason } from "../src/layerHttpNodeConnector.ts"

const list = (source: CoreSource["Service"]) => source.list({})
const soon = Effect.retry({ schedule: Schedule.spaced("5 millis") })

/** Connects to a node, for an operation on its source. */
const connected = <A, E>(
  address: string,
  options: HttpNodeConnectorOptions,
  operation: (source: CoreSource["Service"]) => Effect.Effect<A, E, Scope.Scope>
) =>
  NodeConnector.use((connector) => connector.connect({ name: "node-1", address })).pipe(
    Effect.flatMap(operation),
    Effect.scoped,
    Effect.provide(layerHttpNodeConnector({ rereadEvery: "5 millis", ...options }))
  )

const files = Effect.acquireRelease(
  Effect.sync(() => {
    const directory = mkdtempSync(join(tmpdir(), "koredump-connector-"))
    return {
      directory,
      // As a whole, as those do who renew files.
      write: (name: string, text: string) => {
        writeFileSync(join(directory, `${name}.new`), text)
        renameSync(join(directory, `${name}.new`), join(directory, name))
        return join(directory, name)
      }
    }
  }),
  ({ directory }) => Effect.sync(() => rmSync(directory, { recursive: true }))
)

const answer: Handler = (_, response) => json(response, [])

/** Why the connector does not start. */
const refused = (options: HttpNodeConnectorOptions) =>
  Effect.map(Effect.flip(Layer.build(layerHttpNodeConnector(options))), ({ message }) => message)

/** The version of TLS that Node's own client and the server agree on. */
const protocolAt = (url: string, ca: string) =>
  Effect.callback<string | null>((resume) => {
    const socket = tls.connect({ port: Number(new URL(url).port), host: "127.0.0.1", ca }, () => {
      resume(Effect.succeed(socket.getProtocol()))
      socket.destroy()
    })
    socket.on("error", (error) => resume(Effect.die(error)))
  })

const collectLog = (log: Array<string>) =>
  Logger.layer([Logger.map(Logger.formatSimple, (line) => void log.push(line))])

describe("an address", () => {
  it.each([
    ["https://10.0.0.7:5001", false, undefined],
    ["https://[fd00::7]:5001", false, undefined],
    ["http://10.0.0.7:5001", true, undefined],
    ["http://10.0.0.7:5001", false, "plain HTTP is not allowed"],
    ["ftp://10.0.0.7", true, "it is no http(s) URL"],
    ["10.0.0.7:5001", true, "it is no http(s) URL"],
    ["", true, "it is no http(s) URL"],
    ["https://u:p@10.0.0.7", true, "it has credentials, a query or a fragment"],
    ["https://10.0.0.7/?x=1", true, "it has credentials, a query or a fragment"]
  ])("%s, plain HTTP allowed: %s", (address, insecure, refusal) => {
    assert.strictEqual(invalidAddressReason(address, insecure), refusal)
  })

  it.live("that is refused gets no connection and no token", () =>
    Effect.gen(function*() {
      let connections = 0
      const url = yield* serve(() => connections += 1)
      const failure = yield* Effect.flip(connected(url, { token: "secret" }, list))
      assert.include(failure, { _tag: "NodeFailed" })
      assert.match(failure.message, /^Node node-1 cannot be reached at http:.*: plain HTTP is not allowed\.$/)
      assert.strictEqual(connections, 0)
    }).pipe(Effect.scoped))
})

describe("the token", () => {
  it.live("is that of the file, also when it changes; without one nothing is asked", () =>
    Effect.gen(function*() {
      const asked: Array<string | undefined> = []
      const url = yield* serve((request, response) => {
        asked.push(request.headers.authorization)
        json(response, [])
      })
      const { directory, write } = yield* files
      const tokenFile = write("token", "first\n")
      const log: Array<string> = []
      yield* connected(url, { tokenFile, insecureHttp: true }, (source) =>
        Effect.gen(function*() {
          yield* list(source)
          write("token", "second\n")
          yield* list(source).pipe(Effect.repeat({ until: () => asked.at(-1) === "Bearer second" }))
          rmSync(join(directory, "token"))
          const failure = yield* list(source).pipe(Effect.repeat({ while: () => true }), Effect.flip)
          assert.include(failure, { _tag: "NodeFailed" })
          const before = asked.length
          yield* Effect.flip(list(source))
          assert.strictEqual(asked.length, before)
          assert.notInclude(JSON.stringify(failure), directory)
          write("token", "third")
          yield* soon(list(source))
        })).pipe(Effect.provide(collectLog(log)))
      assert.strictEqual(asked[0], "Bearer first")
      assert.strictEqual(asked.at(-1), "Bearer third")
      assert.match(log.join(), /The token file .*token cannot be read \(ENOENT\)/)
    }).pipe(Effect.scoped))

  it.live("must be there at the start", () =>
    Effect.gen(function*() {
      const { write } = yield* files
      assert.match(yield* refused({ tokenFile: "/no/such" }), /^The token file \/no\/such cannot be read \(ENOENT\)\.$/)
      assert.match(yield* refused({ tokenFile: write("empty", "\n") }), /holds no token/)
      assert.match(yield* refused({ tokenFile: write("two", "a\nb") }), /holds no token/)
      assert.match(yield* refused({ ca: "/no/such" }), /^The CA file \/no\/such cannot be read \(ENOENT\)\.$/)
      assert.match(yield* refused({ ca: write("ca", "nothing") }), /something else than certificates/)
      const cut = "-----BEGIN CERTIFICATE-----\nMIIB\n"
      assert.match(yield* refused({ ca: write("cut", cut) }), /something else than certificates/)
    }).pipe(Effect.scoped))
})

describe("a node", () => {
  it.live("is asked for cores whatever their names are", () =>
    Effect.gen(function*() {
      const asked: Array<string> = []
      const { handler } = coreServer(Buffer.from("0123"))
      const url = yield* serve((request, response) => {
        asked.push(`${request.method} ${request.url}`)
        handler(request, response)
      })
      const odd = { node: "node-1", id: "core.a#b?c%41\\é x.0.0123456789abcdef0123456789abcdef.1.1700000000000000" }
      yield* connected(url, { insecureHttp: true }, (source) =>
        Effect.flatMap(source.open(odd as typeof ref), (file) =>
          Stream.runDrain(file.bytes())))
      const path = `/apiv1/cores/download/node-1/${encodeURIComponent(odd.id)}`
      assert.deepStrictEqual(asked, [`HEAD ${path}`, `GET ${path}`])
    }).pipe(Effect.scoped))

  it.live("that is busy is not waited for: its 429 is the answer", () =>
    Effect.gen(function*() {
      let count = 0
      const url = yield* serve((_, response) => {
        count += 1
        json(response, { type: "https://koredump.dev/problems/too-many-downloads" }, 429, { "retry-after": "5" })
      })
      const failure = yield* Effect.flip(connected(url, { insecureHttp: true }, list))
      assert.strictEqual(failure._tag, "TooManyDownloads")
      assert.strictEqual(count, 1)
    }).pipe(Effect.scoped))

  it.live("that says nothing is given up in time, in an answer and in a watch", () =>
    Effect.gen(function*() {
      const silent = yield* serve(() => {})
      const limits = { insecureHttp: true, timeout: "50 millis", watchIdleTimeout: "50 millis" } as const
      assert.include(yield* Effect.flip(connected(silent, limits, list)), { _tag: "NodeTimeout" })
      const stuck = yield* serve((_, response) =>
        response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
      )
      const watch = connected(stuck, limits, (source) => Stream.runDrain(source.changes()))
      assert.include(yield* Effect.flip(watch), { _tag: "NodeTimeout" })
    }).pipe(Effect.scoped))

  it.live("that says more than it can have to say is not listened to", () =>
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
      const problem = yield* Effect.flip(connected(url, { insecureHttp: true }, (source) => source.nodes))
      assert.include(problem.message, "sent more than 33554432 bytes")
      assert.isBelow(sent, 80)
    }).pipe(Effect.scoped))

  it.live("gets its connections used again, beside a watch and downloads", () =>
    Effect.gen(function*() {
      const sockets = new Set<unknown>()
      const { handler } = coreServer(Buffer.from("0123"))
      const url = yield* serve((request, response) => {
        sockets.add(request.socket)
        if (request.url!.includes("watch")) {
          return response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
        }
        if (request.url!.includes("download")) return handler(request, response)
        json(response, [])
      })
      yield* connected(url, { insecureHttp: true }, (source) =>
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
  const [own, other] = hasOpenssl
    ? [makeAuthority("own", "DNS:koredump-node", "IP:127.0.0.1"), makeAuthority("other", "DNS:koredump-node")]
    : []
  it.live("a node is believed that has the name, by the authority", () =>
    Effect.gen(function*() {
      const { write } = yield* files
      const ca = write("ca.crt", own!.ca)
      const named = yield* serveTls(own!.certificates[0]!, answer)
      const byAddress = yield* serveTls(own!.certificates[1]!, answer)
      const foreign = yield* serveTls(other!.certificates[0]!, answer)
      const serverName = "koredump-node"

      yield* connected(named, { ca, serverName }, list)
      yield* connected(byAddress, { ca }, list)
      const failure = (address: string, options: HttpNodeConnectorOptions) =>
        Effect.map(Effect.flip(connected(address, options, list)), ({ message }) => message)
      assert.match(yield* failure(named, { ca }), /ERR_TLS_CERT_ALTNAME_INVALID/)
      assert.match(yield* failure(byAddress, { ca, serverName }), /ERR_TLS_CERT_ALTNAME_INVALID/)
      assert.match(yield* failure(foreign, { ca, serverName }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
      assert.match(yield* failure(named, { serverName }), /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
    }).pipe(Effect.scoped))

  it.live("a large core comes whole, into the caller's buffers", () =>
    Effect.gen(function*() {
      const { write } = yield* files
      const content = Buffer.from(new Uint8Array(5_000_000).map((_, i) => (i * 7) % 253))
      const url = yield* serveTls(own!.certificates[1]!, coreServer(content).handler)
      const parts: Array<Buffer> = []
      yield* connected(url, { ca: write("ca.crt", own!.ca) }, (source) =>
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

  it.live("1.2 or newer, whatever Node's defaults are", () =>
    Effect.gen(function*() {
      const { write } = yield* files
      const ca = write("ca.crt", own!.ca)
      const { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION } = tls
      yield* Effect.acquireRelease(
        Effect.sync(() => Object.assign(tls, { DEFAULT_CIPHERS: "ALL@SECLEVEL=0", DEFAULT_MIN_VERSION: "TLSv1" })),
        () => Effect.sync(() => Object.assign(tls, { DEFAULT_CIPHERS, DEFAULT_MIN_VERSION }))
      )
      const url = yield* serveTls({ ...own!.certificates[1]!, maxVersion: "TLSv1.1" }, answer)
      assert.strictEqual(yield* protocolAt(url, own!.ca), "TLSv1.1")
      assert.match((yield* Effect.flip(connected(url, { ca }, list))).message, /EPROTO/)
    }).pipe(Effect.scoped))

  it.live("the authorities change: new connections go by the new ones, a running watch goes on", () =>
    Effect.gen(function*() {
      const { write } = yield* files
      const ca = write("ca.crt", own!.ca)
      let push: (() => void) | undefined
      const url = yield* serveTls(own!.certificates[0]!, (request, response) => {
        if (!request.url!.includes("watch")) return answer(request, response)
        push = () => response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"a-1"}}\n`)
        push()
      })
      const foreign = yield* serveTls(other!.certificates[0]!, answer)
      const log: Array<string> = []
      const seen: Array<string> = []
      yield* Effect.gen(function*() {
        const connector = yield* NodeConnector
        const source = yield* connector.connect({ name: "node-1", address: url })
        const second = yield* connector.connect({ name: "node-2", address: foreign })
        yield* list(source)
        const watching = yield* source.changes().pipe(
          Stream.runForEach(({ type }) => Effect.sync(() => seen.push(type))),
          Effect.forkChild
        )
        yield* until(() => seen.length === 1)

        write("ca.crt", "garbage")
        yield* until(() => log.length > 0)
        assert.match(log[0]!, /something else than certificates\. Those in use stay\./)
        yield* list(source)

        write("ca.crt", other!.ca)
        yield* until(() => log.length > 1)
        assert.match((yield* Effect.flip(list(source))).message, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
        yield* list(second)
        push!()
        yield* until(() => seen.length === 2)
        yield* Fiber.interrupt(watching)
      }).pipe(
        Effect.scoped,
        Effect.provide(
          layerHttpNodeConnector({ ca, serverName: "koredump-node", rereadEvery: "5 millis" }).pipe(
            Layer.provideMerge(collectLog(log))
          )
        )
      )
    }).pipe(Effect.scoped))
})
