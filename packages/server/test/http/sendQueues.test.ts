import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import { onReceived, parseTcpTable } from "../../src/http/sendQueues.ts"
import { until } from "../support/httpServer.ts"

describe("parseTcpTable", () => {
  it("finds the bytes in the send queue by ports", () => {
    const table = [
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode",
      "   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17 1",
      "  10: 0100007F:1389 0100007F:A7D9 01 000186A0:00000005 01:000012AE 00000000     0        0 18 3",
      "  11: 0200007F:1389 0200007F:A7D9 01 00000001:00000000 00:00000000 00000000     0        0 19 3",
      " 12: 0000000000000000FFFF00000100007F:1389 0000000000000000FFFF00000100007F:A7DA 01 00000010:00000000 00:0 0"
    ].join("\n")
    assert.deepStrictEqual([...parseTcpTable(table)], [
      [0x07e8 * 0x10000, 0],
      [0x1389 * 0x10000 + 0xa7d9, 100_000],
      [0x1389 * 0x10000 + 0xa7da, 16]
    ])
  })

  it.each(["", "garbage\n", "\0".repeat(1000)])("finds nothing in %j", (text) => {
    assert.strictEqual(parseTcpTable(text).size, 0)
  })
})

/** Both ends of a connection whose client does not read. */
const makePair = Effect.acquireRelease(
  Effect.promise(async () => {
    const server = createServer().listen(0, "127.0.0.1")
    await once(server, "listening")
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1").pause()
    client.on("error", () => {})
    const [socket] = await once(server, "connection") as [Socket]
    socket.on("error", () => {})
    return { client, server, socket }
  }),
  ({ client, server, socket }) =>
    Effect.sync(() => {
      client.destroy()
      socket.destroy()
      server.close()
    })
)

const write = (socket: Socket, bytes: number) =>
  Effect.promise(() => new Promise<void>((resolve) => socket.write(Buffer.alloc(bytes), () => resolve())))

describe("onReceived", () => {
  it.live("waits until the client reads", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* makePair
      socket.write(Buffer.alloc(8 * 1024 * 1024))
      let isReceived = false
      onReceived(socket, () => isReceived = true)
      // Another connection is checked at least once in this time.
      const other = yield* makePair
      yield* write(other.socket, 10)
      let isOtherReceived = false
      onReceived(other.socket, () => isOtherReceived = true)
      yield* until(() => isOtherReceived)
      assert.isFalse(isReceived)
      client.resume()
      yield* until(() => isReceived)
    }))

  it.live("resets the connection of a client that does not read", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* makePair
      socket.write(Buffer.alloc(8 * 1024 * 1024))
      let isReceived = false
      onReceived(socket, () => isReceived = true, 50)
      yield* until(() => isReceived && socket.destroyed)
      client.resume()
      const [error] = yield* Effect.promise(() => once(client, "error"))
      assert.strictEqual((error as NodeJS.ErrnoException).code, "ECONNRESET")
    }))

  it.live("ends with the connection", () =>
    Effect.gen(function*() {
      const { client, socket } = yield* makePair
      socket.write(Buffer.alloc(8 * 1024 * 1024))
      let isReceived = false
      onReceived(socket, () => isReceived = true)
      client.resetAndDestroy()
      yield* until(() => isReceived)
    }))
})
