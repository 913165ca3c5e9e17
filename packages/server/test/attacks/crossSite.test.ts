/** Requests that a web page makes a browser send to a server without tokens. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { layerLoopbackOnly } from "../../src/auth/loopback.ts"
import { call, downloadUrl, exchange, readBody, serve } from "../support/httpServer.ts"

const serveLocal = serve({
  middleware: layerLoopbackOnly,
  core: { content: new TextEncoder().encode("secret memory") }
})

const rejected: ReadonlyArray<readonly [string, Readonly<Record<string, string>>]> = [
  ["a name that resolves to loopback", { host: "evil.example" }],
  ["a name that begins with an address of loopback", { host: "127.0.0.1.evil.example" }],
  ["a name that begins with localhost", { host: "localhost.evil.example:80" }],
  ["a name that ends with localhost", { host: "evil-localhost" }],
  ["another address", { host: "10.0.0.1" }],
  ["the address of all interfaces", { host: "0.0.0.0" }],
  ["an address as a number", { host: "2130706433" }],
  ["credentials before the name", { host: "localhost@evil.example" }],
  ["two names", { host: "localhost, evil.example" }],
  ["a form of another site", { origin: "https://evil.example" }],
  ["a page of another server on this host", { origin: "http://127.0.0.1:1" }],
  ["a sandboxed page", { origin: "null" }],
  ["a file", { origin: "file://" }],
  ["an image of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }],
  ["a script of a subdomain", { "sec-fetch-site": "same-site", "sec-fetch-mode": "no-cors" }],
  ["a fetch of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "cors" }],
  ["a WebSocket of another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "websocket" }],
  ["an unknown site", { "sec-fetch-site": "", "sec-fetch-mode": "cors" }]
]

describe("a request of a web page", () => {
  it.live.each(rejected)("is rejected: %s", ([, headers]) =>
    Effect.gen(function*() {
      const served = yield* serveLocal
      const { id } = served.ref
      const routes = [
        ["GET", downloadUrl(served)],
        ["HEAD", downloadUrl(served)],
        ["DELETE", `${served.url}/apiv1/cores/delete/${id}`],
        ["GET", `${served.url}/apiv1/cores/metadata/${id}`],
        ["GET", `${served.url}/apiv1/cores`],
        ["GET", `${served.url}/apiv1/watch`],
        ["GET", `${served.url}/apiv1/nodes`],
        ["GET", `${served.url}/docs`],
        ["POST", `${served.url}/apiv1/cores`]
      ] as const
      for (const [method, url] of routes) {
        const response = yield* call(url, { method, headers })
        assert.strictEqual(response.statusCode, 403, `${method} ${url}`)
        assert.notInclude(String(yield* readBody(response)), "secret")
      }
      assert.strictEqual(served.open(), 0)
    }))

  it.live("cannot ask for permission to send more", () =>
    Effect.gen(function*() {
      const { url } = yield* serveLocal
      const headers = { origin: "https://evil.example", "access-control-request-method": "DELETE" }
      const response = yield* call(`${url}/apiv1/cores`, { method: "OPTIONS", headers })
      assert.strictEqual(response.statusCode, 403)
      assert.deepStrictEqual(Object.keys(response.headers).filter((name) => name.startsWith("access-control-")), [])
    }))

  it.live.each([
    ["first", "Host: evil.example\r\nHost: 127.0.0.1\r\n"],
    ["before an empty one", "Host: evil.example\r\nHost:\r\n"],
    ["with an empty one", "Host:\r\nHost: 127.0.0.1\r\n"],
    ["with none", ""]
  ])("cannot hide its name: %s", ([, hosts]) =>
    Effect.gen(function*() {
      const { url } = yield* serveLocal
      const { answer } = yield* exchange(url, `GET /apiv1/cores HTTP/1.1\r\n${hosts}Connection: close\r\n\r\n`)
      assert.match(answer, /^HTTP\/1\.1 40[03] /)
    }))

  it.live.each<readonly [string, Readonly<Record<string, string>>]>([
    ["a program", {}],
    ["a page of this server", { "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }],
    ["a link from another site", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }]
  ])("of this host is answered: %s", ([, headers]) =>
    Effect.gen(function*() {
      const served = yield* serveLocal
      const response = yield* call(downloadUrl(served), { headers })
      assert.strictEqual(response.statusCode, 200)
      assert.strictEqual(String(yield* readBody(response)), "secret memory")
      // Without these, the page of the other site could read the answer.
      assert.deepStrictEqual(Object.keys(response.headers).filter((name) => name.startsWith("access-control-")), [])
    }))
})
