/** Range requests that cost more than the file, or show other bytes. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Agent } from "node:http"
import { call, downloadUrl, readBody, serve } from "../support/httpServer.ts"
import { makeRandom } from "../support/random.ts"

const content = Uint8Array.from({ length: 1000 }, (_, index) => index % 251)
const seed = 20_261_129

/** One connection for all requests. */
const makeAgent = Effect.acquireRelease(
  Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
  (agent) => Effect.sync(() => agent.destroy())
)

describe("range requests", () => {
  it.live.each<readonly [string, string, number]>([
    ["thousands of ranges", `bytes=${"0-,".repeat(4000)}0-`, 200],
    ["overlapping ranges", "bytes=0-999,0-999,0-999", 200],
    [
      "thousands of single bytes",
      `bytes=${Array.from({ length: 1500 }, (_, at) => `${at % 1000}-${at % 1000}`).join()}`,
      200
    ],
    ["two ranges of which one is beyond the end", "bytes=0-0,5000-", 200],
    ["numbers beyond 64 bits", `bytes=0-${"9".repeat(1000)}`, 200],
    ["a start beyond 64 bits", `bytes=${"9".repeat(40)}-`, 416],
    ["a suffix beyond 64 bits", `bytes=-${"9".repeat(15)}`, 206],
    ["an empty suffix", "bytes=-0", 416],
    ["a negative start", "bytes=--1", 200],
    ["an exponent", "bytes=0-1e3", 200],
    ["other digits", "bytes=٠-٩", 200],
    ["spaces", "bytes= 0 - 1", 200],
    ["another unit", "pages=0-1", 200]
  ])("%s", ([, range, status]) =>
    Effect.gen(function*() {
      const served = yield* serve({ core: { content } })
      const headers = { range: Buffer.from(range).toString("latin1") }
      const response = yield* call(downloadUrl(served), { headers })
      const body = yield* readBody(response)
      assert.strictEqual(response.statusCode, status)
      assert.notMatch(response.headers["content-type"] ?? "", /multipart/)
      if (status !== 416) assert.deepStrictEqual(new Uint8Array(body!), content)
      assert.strictEqual(served.open(), 0)
    }))

  it.live(`send the bytes that they name, and never more (seed ${seed})`, () =>
    Effect.gen(function*() {
      const { integer, pick } = makeRandom(seed)
      const served = yield* serve({ core: { content } })
      const url = downloadUrl(served)
      const agent = yield* makeAgent
      const number = () =>
        pick(["", "0", "1", String(integer(1200)), String(integer(2 ** 31)), "9007199254740993", "x"])
      for (let run = 0; run < 500; run++) {
        const range = `${pick(["bytes", "Bytes", "bytes ", ""])}=${number()}${
          pick(["-", "-", "-", "--", ""])
        }${number()}${pick(["", "", "", ",", `,${number()}-`])}`
        const response = yield* call(url, { headers: { range }, agent })
        const body = yield* readBody(response)
        const note = `${range}: ${response.statusCode}`
        assert.include([200, 206, 416], response.statusCode, note)
        if (response.statusCode === 416) continue
        assert.isDefined(body, note)
        assert.strictEqual(body!.length, Number(response.headers["content-length"]), note)
        const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(response.headers["content-range"] ?? "") ?? []
        const [start, end] = response.statusCode === 206 ? [Number(first), Number(last) + 1] : [0, content.length]
        if (response.statusCode === 206) assert.strictEqual(Number(size), content.length, note)
        assert.deepStrictEqual(new Uint8Array(body!), content.slice(start, end), note)
      }
      assert.strictEqual(served.open(), 0)
    }), 60_000)

  it.live.each(["*", "W/\"1\"", "\"x\", \"y\"", "\"", "Thu, 99 Foo 9999 99:99:99 GMT", "a".repeat(8000)])(
    "with an unknown If-Range send the whole file: %s",
    (condition) =>
      Effect.gen(function*() {
        const served = yield* serve({ core: { content } })
        const headers = { range: "bytes=1-2", "if-range": condition }
        const response = yield* call(downloadUrl(served), { headers })
        assert.strictEqual(response.statusCode, 200)
        assert.lengthOf((yield* readBody(response))!, content.length)
      })
  )
})
