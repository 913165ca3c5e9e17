/** Requests that two HTTP servers could understand differently, and invalid requests. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, downloadUrl, exchange, readBody, serve } from "../support/httpServer.ts"

const host = "Host: 127.0.0.1\r\n"
const post = (headers: string, body: string) => `POST /health HTTP/1.1\r\n${host}${headers}\r\n${body}`
const smuggled = `GET /smuggled HTTP/1.1\r\n${host}Connection: close\r\n\r\n`
const chunked = "Transfer-Encoding: chunked\r\n"

const statuses = (answer: string) => Array.from(answer.matchAll(/HTTP\/1\.1 (\d+) /g), ([, status]) => Number(status))

describe("a request whose end is unclear", () => {
  it.live.each<readonly [string, string]>([
    ["length and chunks", post(`Content-Length: 6\r\n${chunked}`, `0\r\n\r\n${smuggled}`)],
    ["chunks and length", post(`${chunked}Content-Length: 6\r\n`, `0\r\n\r\n${smuggled}`)],
    ["two lengths", post(`Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n`, smuggled)],
    ["the same length twice", post("Content-Length: 3\r\nContent-Length: 3\r\n", `abc${smuggled}`)],
    ["a list of lengths", post("Content-Length: 3, 3\r\n", `abc${smuggled}`)],
    ["a length with a sign", post("Content-Length: +3\r\n", `abc${smuggled}`)],
    ["a negative length", post("Content-Length: -1\r\n", smuggled)],
    ["a hexadecimal length", post("Content-Length: 0x3\r\n", `abc${smuggled}`)],
    ["a length with a space", post("Content-Length: 3 0\r\n", `abc${smuggled}`)],
    ["a length beyond 64 bits", post("Content-Length: 18446744073709551617\r\n", smuggled)],
    ["an empty length", post("Content-Length: \r\n", smuggled)],
    ["a space before the colon", post("Content-Length : 3\r\n", `abc${smuggled}`)],
    ["a space before the colon of the encoding", post("Transfer-Encoding : chunked\r\n", `0\r\n\r\n${smuggled}`)],
    ["an unknown encoding", post("Transfer-Encoding: xchunked\r\n", `0\r\n\r\n${smuggled}`)],
    ["an encoding after the chunks", post("Transfer-Encoding: chunked, identity\r\n", `0\r\n\r\n${smuggled}`)],
    ["chunks twice", post("Transfer-Encoding: chunked, chunked\r\n", `0\r\n\r\n${smuggled}`)],
    ["an encoding with a vertical tab", post("Transfer-Encoding: \x0bchunked\r\n", `0\r\n\r\n${smuggled}`)],
    ["an encoding in quotes", post("Transfer-Encoding: \"chunked\"\r\n", `0\r\n\r\n${smuggled}`)],
    ["a header that starts with a space", post(" Content-Length: 3\r\n", `abc${smuggled}`)],
    ["a folded header", post("Transfer-Encoding:\r\n chunked\r\n", `0\r\n\r\n${smuggled}`)],
    ["a bare line feed in a header", post("X: a\nContent-Length: 3\r\n", `abc${smuggled}`)],
    ["a bare carriage return in a header", post("X: a\rContent-Length: 3\r\n", `abc${smuggled}`)],
    ["a null byte in a header", post("X: a\0\r\nContent-Length: 3\r\n", `abc${smuggled}`)],
    ["an invalid chunk size", post(chunked, `g\r\n\r\n${smuggled}`)],
    ["a chunk size with a sign", post(chunked, `-1\r\n\r\n${smuggled}`)],
    ["a chunk size with 0x", post(chunked, `0x0\r\n\r\n${smuggled}`)],
    ["a chunk size beyond 64 bits", post(chunked, `10000000000000000\r\n\r\n${smuggled}`)],
    ["a chunk longer than its size", post(chunked, `1\r\nabc\r\n0\r\n\r\n${smuggled}`)],
    ["a chunk size that ends with a line feed", post(chunked, `0\n\n${smuggled}`)]
  ])("%s is rejected, and nothing after it is a request", ([, text]) =>
    Effect.gen(function*() {
      const { log, url } = yield* serve()
      const { answer } = yield* exchange(url, text)
      // The request line and headers can be complete before the error: then their answer comes first.
      const [first, ...others] = statuses(answer)
      assert.include([400, 405], first, answer)
      assert.isTrue(others.length === 0 || (others.length === 1 && others[0] === 400), answer)
      assert.notInclude(answer, "smuggled")
      assert.notInclude(JSON.stringify(log), "smuggled")
      assert.strictEqual((yield* call(`${url}/health`)).statusCode, 200)
    }))
})

describe("an almost valid request", () => {
  it.live.each<readonly [string, string, ReadonlyArray<number>]>([
    ["HTTP/0.9", "GET /health\r\n\r\n", [200]],
    ["HTTP/3.0", `GET /health HTTP/3.0\r\n${host}\r\n`, [400]],
    ["the start of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]],
    ["TLS", "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", [400]],
    ["a method in lower case", `get /health HTTP/1.1\r\n${host}\r\n`, [400]],
    ["an unknown method", `BREW /health HTTP/1.1\r\n${host}\r\n`, [400]],
    ["a null byte in the path", `GET /health\0 HTTP/1.1\r\n${host}\r\n`, [400]],
    ["a path without a slash", `GET health HTTP/1.1\r\n${host}\r\n`, [400]],
    ["two spaces after the method", `GET  /health HTTP/1.1\r\n${host}Connection: close\r\n\r\n`, [200]],
    ["a header without a name", `GET /health HTTP/1.1\r\n${host}: a\r\n\r\n`, [400]],
    ["a header without a colon", `GET /health HTTP/1.1\r\n${host}a\r\n\r\n`, [400]],
    ["a space in a header name", `GET /health HTTP/1.1\r\n${host}a b: c\r\n\r\n`, [400]],
    ["many headers", `GET /health HTTP/1.1\r\n${host}${"a: b\r\n".repeat(5000)}\r\n`, [431]],
    ["a tunnel", `CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n`, []],
    ["only line feeds", "GET /health HTTP/1.1\nHost: a\n\n", [400]]
  ])("%s is answered once or not at all", ([, text, expected]) =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { answer } = yield* exchange(url, text)
      assert.deepStrictEqual(statuses(answer), [...expected])
      if (expected.some((status) => status >= 400)) assert.match(answer, /content-type: application\/problem\+json/i)
      assert.strictEqual((yield* call(`${url}/health`)).statusCode, 200)
    }))
})

describe("a header with a value from outside", () => {
  it.live.each([
    ["a split", "%0d%0aSet-Cookie:%20a=b"],
    ["a line feed", "%0aSet-Cookie:%20a=b"],
    ["a null byte", "%00"],
    ["wide characters", "%c4%8d%c4%8aSet-Cookie:%20a=b"]
  ])("cannot add a header: %s", ([, part]) =>
    Effect.gen(function*() {
      const served = yield* serve()
      for (const path of [`/${part}`, `/apiv1/cores?limit=1&continue=${part}`, `/apiv1/cores?${part}=1`]) {
        const response = yield* call(served.url + path)
        assert.notProperty(response.headers, "set-cookie")
        assert.isAtLeast(response.statusCode!, 400)
        yield* readBody(response)
      }
      const response = yield* call(downloadUrl(served), { headers: { "x-request-id": "a%0d%0aSet-Cookie: a=b" } })
      assert.notProperty(response.headers, "set-cookie")
      response.destroy()
    }))
})
