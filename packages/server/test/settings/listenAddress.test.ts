import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { parseListenAddress } from "../../src/settings/listenAddress.ts"

describe("parseListenAddress", () => {
  it.each([
    ["127.0.0.1:5000", { host: "127.0.0.1", port: 5000, loopback: true }],
    ["127.9.8.7:0", { host: "127.9.8.7", port: 0, loopback: true }],
    ["localhost:5000", { host: "localhost", port: 5000, loopback: true }],
    ["[::1]:5000", { host: "::1", port: 5000, loopback: true }],
    ["0.0.0.0:5001", { host: "0.0.0.0", port: 5001, loopback: false }],
    ["[::]:5001", { host: "::", port: 5001, loopback: false }],
    [":5001", { host: "0.0.0.0", port: 5001, loopback: false }],
    ["10.0.0.1:65535", { host: "10.0.0.1", port: 65_535, loopback: false }],
    ["node-1.example:80", { host: "node-1.example", port: 80, loopback: false }],
    // Not loopback.
    ["127.0.0.1.example:80", { host: "127.0.0.1.example", port: 80, loopback: false }],
    ["localhost.example:80", { host: "localhost.example", port: 80, loopback: false }],
    ["unix:/run/koredump.sock", { path: "/run/koredump.sock", loopback: true }],
    ["unix:koredump.sock", { path: "koredump.sock", loopback: true }]
  ])("%s", (text, expected) => {
    assert.deepStrictEqual(Result.getOrThrow(parseListenAddress(text)), expected as never)
  })

  it.each([
    "",
    "5000",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:x",
    "::1:5000",
    "[::1]",
    "a b:1",
    "unix:"
  ])(
    "rejects %j",
    (text) => {
      assert.isTrue(Result.isFailure(parseListenAddress(text)))
    }
  )
})
