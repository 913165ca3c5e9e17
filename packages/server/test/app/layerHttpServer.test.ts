import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { request as httpsRequest } from "node:https"
import { makeCertificate } from "../support/certificate.ts"
import { call, downloadUrl, exchange, large, readBody, serve } from "../support/httpServer.ts"

describe("an invalid request", () => {
  it.live.each(
    [
      ["nonsense", "NONSENSE\r\n\r\n", 400],
      ["headers too large", `GET /health HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
      ["a URL too long", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
      ["two lengths", "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
      ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400]
    ] as const
  )("%s is answered with a problem", ([, text, status]) =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const [head, body] = (yield* exchange(url, text)).answer.split("\r\n\r\n")
      assert.match(head!, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(head!, /content-type: application\/problem\+json/i)
      assert.include(JSON.parse(body!), { type: "https://koredump.dev/problems/bad-request", status })
    }))
})

const host = "Host: 127.0.0.1\r\n"
const last = `${host}Connection: close\r\n`

describe("an unusual request", () => {
  it.live.each<readonly [string, string, ReadonlyArray<number>]>([
    ["HTTP/1.0 without a host", "GET /health HTTP/1.0\r\n\r\n", [200]],
    ["an absolute target", `GET http://127.0.0.1/health HTTP/1.1\r\n${last}\r\n`, [200]],
    ["several at once", `GET /health HTTP/1.1\r\n${host}\r\nGET /no HTTP/1.1\r\n${last}\r\n`, [200, 404]],
    [
      "one after an unread body",
      `POST /health HTTP/1.1\r\n${host}Content-Length: 3\r\n\r\nabc`
      + `GET /health HTTP/1.1\r\n${last}\r\n`,
      [405, 200]
    ],
    ["Expect: 100-continue", `POST /no HTTP/1.1\r\n${last}Content-Length: 3\r\nExpect: 100-continue\r\n\r\n`, [404]],
    ["an unknown expectation", `GET /health HTTP/1.1\r\n${last}Expect: tea\r\n\r\n`, [200]],
    ["HTTP/2 offered", `GET /health HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n`, [200]],
    ["dots", `GET /apiv1/cores/download/node-1/../../../../etc/passwd HTTP/1.1\r\n${last}\r\n`, [404]],
    ["dots, encoded", `GET /apiv1/cores/download/node-1/%2e%2e HTTP/1.1\r\n${last}\r\n`, [404]],
    ["OPTIONS *", `OPTIONS * HTTP/1.1\r\n${last}\r\n`, [404]]
  ])("%s", ([, text, statuses]) =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const { answer } = yield* exchange(url, text)
      assert.deepStrictEqual([...answer.matchAll(/HTTP\/1.1 (\d+) /g)].map(([, status]) => Number(status)), [
        ...statuses
      ])
    }))
})

describe("TLS", () => {
  const tls = makeCertificate()

  it.live.skipIf(tls === undefined)("requires version 1.2 or newer", () =>
    Effect.gen(function*() {
      const served = yield* serve({ tls: tls! })
      assert.match(served.url, /^https:/)
      const response = yield* call(downloadUrl(served), { rejectUnauthorized: false })
      assert.isTrue((yield* readBody(response))?.equals(large))
      const old = {
        rejectUnauthorized: false,
        minVersion: "TLSv1",
        maxVersion: "TLSv1.1",
        ciphers: "DEFAULT@SECLEVEL=0"
      }
      const failure = yield* Effect.promise(() =>
        new Promise<string>((resolve) => {
          httpsRequest(`${served.url}/health`, { agent: false, ...old as object }, () => resolve("answered"))
            .on("error", ({ message }) => resolve(message)).end()
        })
      )
      assert.match(failure, /protocol version/)
    }))
})
