import { assert, describe, it } from "@effect/vitest"
import { CoreUnreadable, NotReady, type ReadBlock } from "@koredump/core"
import { Effect, Stream } from "effect"
import { Agent } from "node:http"
import { bytes } from "../support/app.ts"
import {
  call,
  downloadUrl,
  exchange,
  large,
  type Read,
  readBody,
  readFrom,
  serve,
  type Served,
  until
} from "../support/httpServer.ts"

const findAnnotations = (served: Served, path: string) =>
  served.log.map((entry) => entry["annotations"] as Record<string, unknown>).find((line) => line["path"] === path)

const readOnly = (blocks: ReadonlyArray<string>): ReadBlock => {
  const rest = blocks.map(bytes)
  return () => Promise.resolve(rest.shift())
}

describe("downloads over a socket", () => {
  it.live("sends whole files and ranges on one connection", () =>
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
        assert.isTrue((yield* readBody(response))?.equals(large.subarray(start, end)))
      }
      assert.strictEqual(ports.size, 1)
      assert.strictEqual(served.open(), 0)
      yield* until(() => served.log.filter(({ message }) => message === "request").length === ranges.length)
      const path = new URL(downloadUrl(served)).pathname
      assert.include(findAnnotations(served, path), {
        method: "GET",
        status: 200,
        bytes: large.length,
        request_id: "id-1"
      })
    }))

  it.live("sends an empty file", () =>
    Effect.gen(function*() {
      const served = yield* serve({ core: { content: bytes("") } })
      const response = yield* call(downloadUrl(served))
      assert.strictEqual(response.headers["content-length"], "0")
      assert.strictEqual((yield* readBody(response))?.length, 0)
    }))

  it.live.each<readonly [string, (read: Read) => Read]>([
    ["ends early", (read) => async (into, position) => position > 2_000_000 ? 0 : read(into, position)],
    ["becomes unreadable", (read) => async (into, position) => {
      if (position > 2_000_000) throw new Error("EIO")
      return read(into, position)
    }]
  ])("aborts if the file %s, and closes the file", ([, broken]) =>
    Effect.gen(function*() {
      const served = yield* serve({ file: () => ({ read: broken(readFrom(large)) }) })
      assert.isUndefined(yield* readBody(yield* call(downloadUrl(served))))
      yield* until(() => served.open() === 0)
      assert.lengthOf(served.log.filter(({ message }) => message === "Download failed"), 1)
      assert.strictEqual((yield* call(`${served.url}/health`)).statusCode, 200)
    }))

  it.live("sends a whole file even if reads return few bytes", () =>
    Effect.gen(function*() {
      for (const [content, most] of [[large, 100_003], [large.subarray(0, 1000), 7]] as const) {
        const served = yield* serve({ core: { content }, file: () => ({ read: readFrom(content, most) }) })
        assert.isTrue((yield* readBody(yield* call(downloadUrl(served))))?.equals(content))
      }
    }))

  it.live("closes the file if the client disconnects, and no longer counts the download", () =>
    Effect.gen(function*() {
      const served = yield* serve({ maxDownloads: 1 })
      const first = yield* call(downloadUrl(served))
      assert.strictEqual((yield* call(downloadUrl(served))).statusCode, 429)
      first.destroy()
      yield* until(() => served.open() === 0)
      assert.isTrue((yield* readBody(yield* call(downloadUrl(served))))?.equals(large))
    }))

  it.live("aborts if decompression fails", () =>
    Effect.gen(function*() {
      const served = yield* serve({
        file: ({ ref }) => ({
          decompressed: Stream.concat(Stream.make(bytes("the core")), Stream.fail(new CoreUnreadable(ref)))
        })
      })
      // The connection can be closed before the client gets the headers.
      const body = yield* call(downloadUrl(served, "?decompress=true")).pipe(
        Effect.flatMap(readBody),
        Effect.catchDefect(() => Effect.void)
      )
      assert.isUndefined(body)
      yield* until(() => served.open() === 0)
    }))

  it.live("resets an HTTP/1.0 connection if the body is incomplete", () =>
    Effect.gen(function*() {
      const decompressed = Stream.make(bytes("the core"))
      const failing = Stream.concat(decompressed, Stream.fail(new NotReady({})))
      for (const stream of [decompressed, failing]) {
        const served = yield* serve({ file: () => ({ decompressed: stream }) })
        const { pathname, search } = new URL(downloadUrl(served, "?decompress=true"))
        const { answer, reset } = yield* exchange(served.url, `GET ${pathname}${search} HTTP/1.0\r\n\r\n`)
        assert.strictEqual(reset, stream === failing)
        if (stream === decompressed) assert.match(answer, /\r\n\r\nthe core$/)
      }
    }))

  it.live("sends decompressed blocks, and an error response if there is not even one", () =>
    Effect.gen(function*() {
      const served = yield* serve({
        file: () => ({ decompressedBlocks: Effect.sync(() => readOnly(["the ", "core"])) })
      })
      const response = yield* call(downloadUrl(served, "?decompress=true"))
      assert.isUndefined(response.headers["content-length"])
      assert.strictEqual((yield* readBody(response))?.toString(), "the core")
      const broken = yield* serve({
        file: ({ ref }) => ({ decompressedBlocks: Effect.fail(new CoreUnreadable(ref)) })
      })
      assert.strictEqual((yield* call(downloadUrl(broken, "?decompress=true"))).statusCode, 500)
      assert.strictEqual(broken.open() + served.open(), 0)
    }))

  it.live("aborts if a later block cannot be decompressed, and resets an HTTP/1.0 connection", () =>
    Effect.gen(function*() {
      const served = yield* serve({
        file: ({ ref }) => ({
          decompressedBlocks: Effect.sync((): ReadBlock => {
            let calls = 0
            return () => calls++ === 0 ? Promise.resolve(bytes("the core")) : Promise.reject(new CoreUnreadable(ref))
          })
        })
      })
      const body = yield* call(downloadUrl(served, "?decompress=true")).pipe(
        Effect.flatMap(readBody),
        Effect.catchDefect(() => Effect.void)
      )
      assert.isUndefined(body)
      const { pathname, search } = new URL(downloadUrl(served, "?decompress=true"))
      assert.isTrue((yield* exchange(served.url, `GET ${pathname}${search} HTTP/1.0\r\n\r\n`)).reset)
      yield* until(() => served.open() === 0)
      assert.lengthOf(served.log.filter(({ message }) => message === "Download failed"), 2)
    }))

  it.live("reads nothing for HEAD", () =>
    Effect.gen(function*() {
      const served = yield* serve({ file: () => ({ read: () => Promise.reject(new Error("read")) }) })
      const response = yield* call(downloadUrl(served), { method: "HEAD" })
      assert.strictEqual(response.statusCode, 200)
      assert.strictEqual(Number(response.headers["content-length"]), large.length)
      assert.strictEqual((yield* readBody(response))?.length, 0)
    }))
})
