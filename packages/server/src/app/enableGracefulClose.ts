import type { EventEmitter } from "node:events"
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http"
import { Server, type Socket } from "node:net"

/** How long an idle connection stays open at the end, in milliseconds, for a request that is already on its way. */
const idleTimeout = 1000

/**
 * Changes `close` of a server so that it ends soon after the last response. By default, Node.js would wait for connections
 * without a complete request and for unfinished TLS handshakes. It would also close idle keep-alive connections at once,
 * and lose requests that are on their way. Instead, the next response on such a connection has `Connection: close`.
 */
export const enableGracefulClose = (server: HttpServer): void => {
  const connections = new Set<Socket>()
  const responses = new Set<ServerResponse>()
  let running = 0
  let closing = false
  let timer: NodeJS.Timeout | undefined
  const endIdleConnections = () => {
    clearTimeout(timer)
    if (!closing || running > 0) return
    timer = setTimeout(() => {
      for (const socket of connections) socket.destroy()
    }, idleTimeout)
  }
  const trackExchange = (exchange: EventEmitter) => {
    running += 1
    endIdleConnections()
    exchange.once("close", () => {
      running -= 1
      endIdleConnections()
    })
  }
  const onRequest = (_request: IncomingMessage, response: ServerResponse) => {
    if (closing) response.shouldKeepAlive = false
    responses.add(response)
    response.once("close", () => responses.delete(response))
    trackExchange(response)
  }
  server.on("connection", (socket) => {
    connections.add(socket)
    socket.once("close", () => {
      connections.delete(socket)
      if (connections.size === 0) clearTimeout(timer)
    })
  })
  server.on("request", onRequest)
  server.on("checkContinue", onRequest)
  server.on("upgrade", (_request, socket) => trackExchange(socket))
  server.close = (callback) => {
    closing = true
    for (const response of responses) if (!response.headersSent) response.shouldKeepAlive = false
    // Not the method of the HTTP server, which closes idle connections.
    Server.prototype.close.call(server, callback)
    endIdleConnections()
    return server
  }
}
