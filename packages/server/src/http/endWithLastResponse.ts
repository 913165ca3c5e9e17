import type { EventEmitter } from "node:events"
import type { IncomingMessage, Server as HttpServer, ServerResponse } from "node:http"
import { Server, type Socket } from "node:net"

/** How long a connection without a request is kept at the end: what its client is just sending is still answered. */
const lastCall = 1000

/**
 * Lets a server that is closed end soon after its last response. Node would wait for connections that never sent a whole
 * request, or are in the middle of a TLS handshake; and it would cut those that are kept alive by their client at once,
 * with the request that may be on its way. These are told to go instead, by `Connection: close` in their next answer.
 */
export const endWithLastResponse = (server: HttpServer): void => {
  const connections = new Set<Socket>()
  const responses = new Set<ServerResponse>()
  let running = 0
  let closing = false
  let ending: NodeJS.Timeout | undefined
  const endConnections = () => {
    clearTimeout(ending)
    if (!closing || running > 0) return
    ending = setTimeout(() => {
      for (const socket of connections) socket.destroy()
    }, lastCall)
  }
  const run = (answer: EventEmitter) => {
    running += 1
    endConnections()
    answer.once("close", () => {
      running -= 1
      endConnections()
    })
  }
  const runRequest = (_request: IncomingMessage, response: ServerResponse) => {
    if (closing) response.shouldKeepAlive = false
    responses.add(response)
    response.once("close", () => responses.delete(response))
    run(response)
  }
  server.on("connection", (socket) => {
    connections.add(socket)
    socket.once("close", () => {
      connections.delete(socket)
      if (connections.size === 0) clearTimeout(ending)
    })
  })
  server.on("request", runRequest)
  server.on("checkContinue", runRequest)
  server.on("upgrade", (_request, socket) => run(socket))
  server.close = (callback) => {
    closing = true
    for (const response of responses) if (!response.headersSent) response.shouldKeepAlive = false
    // Not that of HTTP servers, which cuts idle connections.
    Server.prototype.close.call(server, callback)
    endConnections()
    return server
  }
}
