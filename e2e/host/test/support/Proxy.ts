/** A TCP proxy that stops forwarding a response after some bytes. */
import { once } from "node:events"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"
import type { Server } from "./Server.ts"

interface Proxy extends Server, AsyncDisposable {
  /** Resolves when a connection has reached the limit and waits. */
  readonly held: Promise<void>
  /** Removes the limit, also for new connections. */
  readonly release: () => void
  /** The number of forwarded response bytes of all connections. */
  readonly passed: () => number
}

/** Starts a proxy for `server` that pauses each connection after `bytes` of the response. */
export const startProxy = async (server: Server, bytes: number): Promise<Proxy> => {
  const { hostname, port } = new URL(server.url)
  const { promise: held, resolve: hold } = Promise.withResolvers<void>()
  const sockets = new Set<Socket>()
  let limit = bytes
  let total = 0
  const listener = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    for (const [socket, other] of [[client, upstream], [upstream, client]] as const) {
      sockets.add(socket)
      socket.on("error", () => other.destroy()).on("close", () => {
        sockets.delete(socket)
        other.destroy()
      })
    }
    client.pipe(upstream)
    let passed = 0
    upstream.on("data", (chunk: Buffer) => {
      passed += chunk.length
      total += chunk.length
      client.write(chunk)
      if (passed < limit) return
      upstream.pause()
      hold()
    })
    upstream.on("end", () => client.end())
  })
  listener.listen(0, "127.0.0.1")
  await once(listener, "listening")
  return {
    url: `http://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    token: server.token,
    held,
    passed: () => total,
    release: () => {
      limit = Number.POSITIVE_INFINITY
      for (const socket of sockets) socket.resume()
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
      await once(listener, "close")
    }
  }
}
