import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { assert, describe, it, vi } from "@effect/vitest"
import { makeRemoteCoreSource } from "@koredump/client/effect"
import { type CoreFile, NodeFailed, NodeTimeout } from "@koredump/core"
import { Effect, type Scope } from "effect"
import { HttpClient, type HttpClientResponse } from "effect/http"
import { type Handler, makeCoreHandler, ref, serve } from "../../../test-support/coreServer.ts"
import { readBody } from "../src/readBody.ts"

type Reader = ReturnType<typeof readBody>

const content = Buffer.from(new Uint8Array(3_000_000).map((_, i) => (i * 7) % 253))
const notAborted = new AbortController().signal

const makeReader = (response: HttpClientResponse.HttpClientResponse, idleMillis: number): Reader =>
  readBody(response, {
    idleMillis,
    timedOut: () => new NodeTimeout({}),
    connectionLost: (cause) => new NodeFailed({ detail: String(cause) })
  })

/** Reads the response of a fake server. */
const readResponse = <A>(handler: Handler, use: (read: Reader) => Promise<A>, idleMillis = 5000) =>
  Effect.gen(function*() {
    const client = HttpClient.withScope(yield* HttpClient.HttpClient)
    const response = yield* client.get(yield* serve(handler))
    return yield* Effect.promise(() => use(makeReader(response, idleMillis)))
  }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp))

/** Reads everything, with buffers of this size. */
const readAll = (size: number) => async (read: Reader) => {
  const buffer = new Uint8Array(size)
  const parts: Array<Uint8Array> = []
  for (let bytes = await read(buffer, notAborted); bytes > 0; bytes = await read(buffer, notAborted)) {
    parts.push(buffer.slice(0, bytes))
  }
  return Buffer.concat(parts)
}

const rejection = (read: Reader) => readAll(65_536)(read).catch((error: unknown) => error)

const withOpenCore = <A, E>(use: (file: CoreFile) => Effect.Effect<A, E, Scope.Scope>) =>
  Effect.gen(function*() {
    const { handler, requests } = makeCoreHandler(content)
    const url = yield* serve(handler)
    const source = yield* makeRemoteCoreSource({ url }, readBody)
    return { got: yield* Effect.flatMap(source.open(ref), use), requests }
  }).pipe(Effect.scoped, Effect.provide(NodeHttpClient.layerNodeHttp))

describe("readBody", () => {
  it.live.each([1_048_576, 100_003, 65_536, 4096])(
    "fills buffers of %d bytes up to the end of the body",
    (size) =>
      Effect.gen(function*() {
        const withLength: Handler = (_, response) =>
          response.writeHead(200, { "content-length": content.length }).end(content)
        assert.isTrue((yield* readResponse(withLength, readAll(size))).equals(content))
        const inChunks: Handler = (_, response) => {
          for (let i = 0; i < content.length; i += 10_007) response.write(content.subarray(i, i + 10_007))
          response.end()
        }
        assert.isTrue((yield* readResponse(inChunks, readAll(size))).equals(content))
      })
  )

  it.live("returns the available bytes without waiting for more", () =>
    Effect.gen(function*() {
      const next = Promise.withResolvers<void>()
      const slow: Handler = (_, response) => {
        response.write("abc")
        void next.promise.then(() => response.end("def"))
      }
      const result = yield* readResponse(slow, async (read) => {
        const buffer = new Uint8Array(1000)
        const first = await read(buffer, notAborted)
        next.resolve()
        return [first, await read(buffer, notAborted), await read(buffer, notAborted)]
      })
      assert.deepStrictEqual(result, [3, 3, 0])
    }))

  it.live("fails if the body breaks off or sends nothing for too long", () =>
    Effect.gen(function*() {
      const cut = yield* readResponse((_, response) => {
        response.writeHead(200, { "content-length": content.length })
        response.write(content.subarray(0, 1_000_000), () => response.destroy())
      }, rejection)
      assert.instanceOf(cut, NodeFailed)
      const stuck = yield* readResponse((_, response) => response.write("abc"), rejection, 20)
      assert.instanceOf(stuck, NodeTimeout)
    }))

  it.live("starts the idle timeout again after each read", () =>
    Effect.gen(function*() {
      let send: ((text: string) => void) | undefined
      const slow: Handler = (_, response) => {
        response.flushHeaders()
        send = (text) => response.write(text)
      }
      vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] })
      yield* readResponse(slow, async (read) => {
        for (let i = 0; i < 3; i++) {
          const waiting = read(new Uint8Array(10), notAborted)
          vi.advanceTimersByTime(60)
          send!("abc")
          assert.strictEqual(await waiting, 3)
        }
        const stuck = rejection(read)
        vi.advanceTimersByTime(100)
        assert.instanceOf(await stuck, NodeTimeout)
      }, 100).pipe(Effect.ensuring(Effect.sync(() => vi.useRealTimers())))
    }))

  it.live("stops waiting when the signal aborts, and can be called again", () =>
    Effect.gen(function*() {
      const next = Promise.withResolvers<void>()
      const silent: Handler = (_, response) => {
        response.flushHeaders()
        void next.promise.then(() => response.end("abc"))
      }
      const result = yield* readResponse(silent, async (read) => {
        const controller = new AbortController()
        const waiting = read(new Uint8Array(10), controller.signal).catch((reason: unknown) => reason)
        controller.abort("enough")
        const reason = await waiting
        const again = await read(new Uint8Array(10), controller.signal).catch((reason: unknown) => reason)
        next.resolve()
        return [reason, again, await read(new Uint8Array(10), notAborted)]
      })
      assert.deepStrictEqual(result, ["enough", "enough", 3])
    }))
})

describe("reader of a remote core", () => {
  it.live("reads the requested range, and sends no request for an empty one", () =>
    Effect.gen(function*() {
      const { got, requests } = yield* withOpenCore((file) =>
        Effect.forEach([undefined, { start: 5, end: 2_000_000 }, { start: 5, end: 5 }], (range) =>
          Effect.flatMap(file.reader!(range), (read) => Effect.promise(() => readAll(65_536)(read))))
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
