import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { makeRemoteCoreSource } from "@koredump/client/effect"
import { type CoreFile, NodeFailed, NodeTimeout } from "@koredump/core"
import { Effect, type Scope } from "effect"
import { HttpClient, type HttpClientResponse } from "effect/http"
import { coreServer, type Handler, ref, serve } from "../../client-sdk/test/support.ts"
import { readBody } from "../src/readBody.ts"

type Reader = ReturnType<typeof readBody>

const content = Buffer.from(new Uint8Array(3_000_000).map((_, i) => (i * 7) % 253))
const going = new AbortController().signal

const readerOf = (response: HttpClientResponse.HttpClientResponse, idleMillis: number): Reader =>
  readBody(response, {
    idleMillis,
    timedOut: () => new NodeTimeout({}),
    broken: (cause) => new NodeFailed({ detail: String(cause) })
  })

/** Reads the answer of a hand-made server. */
const reading = <A>(handler: Handler, use: (read: Reader) => Promise<A>, idleMillis = 5000) =>
  Effect.gen(function*() {
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const response = yield* client.get(yield* serve(handler))
    return yield* Effect.promise(() => use(readerOf(response, idleMillis)))
  }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp))

/** All that there is to read, by buffers of such a size. */
const all = (size: number) => async (read: Reader) => {
  const buffer = new Uint8Array(size)
  const parts: Array<Uint8Array> = []
  for (let bytes = await read(buffer, going); bytes > 0; bytes = await read(buffer, going)) {
    parts.push(buffer.slice(0, bytes))
  }
  return Buffer.concat(parts)
}

const rejection = (read: Reader) => all(65_536)(read).catch((error: unknown) => error)

const opened = <A, E>(use: (file: CoreFile) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const { handler, requests } = coreServer(content)
    const url = yield* serve(handler)
    const source = yield* makeRemoteCoreSource({ url }, readBody)
    return { got: yield* Effect.flatMap(source.open(ref), use), requests }
  }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp))

describe("readBody", () => {
  it.live.each([1_048_576, 100_003, 65_536, 4096])(
    "fills buffers of %d bytes, to the end",
    (size) =>
      Effect.gen(function*() {
        const withLength: Handler = (_, response) =>
          response.writeHead(200, { "content-length": content.length }).end(content)
        assert.isTrue((yield* reading(withLength, all(size))).equals(content))
        const inChunks: Handler = (_, response) => {
          for (let i = 0; i < content.length; i += 10_007) response.write(content.subarray(i, i + 10_007))
          response.end()
        }
        assert.isTrue((yield* reading(inChunks, all(size))).equals(content))
      })
  )

  it.live("waits for no more than there is", () =>
    Effect.gen(function*() {
      const next = Promise.withResolvers<void>()
      const slow: Handler = (_, response) => {
        response.write("abc")
        void next.promise.then(() => response.end("def"))
      }
      const got = yield* reading(slow, async (read) => {
        const buffer = new Uint8Array(1000)
        const first = await read(buffer, going)
        next.resolve()
        return [first, await read(buffer, going), await read(buffer, going)]
      })
      assert.deepStrictEqual(got, [3, 3, 0])
    }))

  it.live("fails where the body breaks off, and where it stands still", () =>
    Effect.gen(function*() {
      const cut = yield* reading((_, response) => {
        response.writeHead(200, { "content-length": content.length })
        response.write(content.subarray(0, 1_000_000), () => response.destroy())
      }, rejection)
      assert.instanceOf(cut, NodeFailed)
      const stuck = yield* reading((_, response) => response.write("abc"), rejection, 20)
      assert.instanceOf(stuck, NodeTimeout)
    }))

  it.live("ends its waiting with the signal, and may be asked again", () =>
    Effect.gen(function*() {
      const next = Promise.withResolvers<void>()
      const silent: Handler = (_, response) => {
        response.flushHeaders()
        void next.promise.then(() => response.end("abc"))
      }
      const got = yield* reading(silent, async (read) => {
        const controller = new AbortController()
        const waiting = read(new Uint8Array(10), controller.signal).catch((reason: unknown) => reason)
        controller.abort("enough")
        const reason = await waiting
        next.resolve()
        return [reason, await read(new Uint8Array(10), going)]
      })
      assert.deepStrictEqual(got, ["enough", 3])
    }))
})

describe("the reader of a remote core", () => {
  it.live("is of the part that is asked for, and asks for nothing where that is empty", () =>
    Effect.gen(function*() {
      const { got, requests } = yield* opened((file) =>
        Effect.forEach([undefined, { start: 5, end: 2_000_000 }, { start: 5, end: 5 }], (range) =>
          Effect.flatMap(file.reader!(range), (read) => Effect.promise(() => all(65_536)(read))))
      )
      assert.deepStrictEqual(
        got.map(({ length }) =>
          length
        ),
        [3_000_000, 1_999_995, 0]
      )
      assert.isTrue(got[1]?.equals(content.subarray(5, 2_000_000)))
      assert.deepStrictEqual(requests, ["HEAD 0", "GET 0", "GET 5"])
    }))
})
