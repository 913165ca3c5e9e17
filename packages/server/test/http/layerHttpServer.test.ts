import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { request as httpsRequest } from "node:https"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { bodyOf, call, downloadUrl, large, serve } from "../served.ts"

/** What the server answers to these bytes until it closes the connection. */
const exchange = (url: string, text: string) =>
  Effect.promise(() =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text))
      let answer = ""
      socket.on("data", (chunk: Buffer) => answer += chunk.toString())
      socket.on("close", () => resolve(answer))
      socket.on("error", () => resolve(answer))
    })
  )

describe("what is no request", () => {
  it.live.each(
    [
      ["nonsense", "NONSENSE\r\n\r\n", 400],
      ["headers too large", `GET /health HTTP/1.1\r\nHost: a\r\nX: ${"a".repeat(20_000)}\r\n\r\n`, 431],
      ["a URL too long", `GET /${"a".repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 431],
      ["two lengths", "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400],
      ["no host", "GET /health HTTP/1.1\r\nConnection: close\r\n\r\n", 400]
    ] as const
  )("%s is a problem", ([, text, status]) =>
    Effect.gen(function*() {
      const { url } = yield* serve()
      const [head, body] = (yield* exchange(url, text)).split("\r\n\r\n")
      assert.match(head!, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(head!, /content-type: application\/problem\+json/i)
      assert.include(JSON.parse(body!), { type: "https://koredump.dev/problems/bad-request", status })
    }))
})

const makeCertificate = () => {
  const directory = mkdtempSync(join(tmpdir(), "koredump-tls-"))
  const [cert, key] = [join(directory, "cert.pem"), join(directory, "key.pem")]
  const { status } = spawnSync(
    "openssl",
    (
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost -keyout ${key} -out ${cert}`
    ).split(" ")
  )
  const pair = status === 0 ? { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") } : undefined
  rmSync(directory, { recursive: true })
  return pair
}

describe("TLS", () => {
  const tls = makeCertificate()

  it.live.skipIf(tls === undefined)("1.2 or newer", () =>
    Effect.gen(function*() {
      const served = yield* serve({ tls: tls! })
      assert.match(served.url, /^https:/)
      const response = yield* call(downloadUrl(served), { rejectUnauthorized: false })
      assert.isTrue((yield* bodyOf(response))?.equals(large))
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
