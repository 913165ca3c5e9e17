import type { EventEmitter } from "node:events"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"

/**
 * Lets a server that is closed end with its last response. Node would wait for all connections: those that are kept
 * alive by their client, those that never sent a whole request, those in the middle of a TLS handshake.
 */
export const endWithLastResponse = (server: Server): void => {
  const connections = new Set<Socket>()
  let running = 0
  let closing = false
  const endConnections = () => {
    if (!closing || running > 0) return
    for (const socket of connections) socket.destroy()
  }
  const run = (answer: EventEmitter) => {
    running += 1
    answer.once("close", () => {
      running -= 1
      endConnections()
    })
  }
  const runRequest = ({ socket }: IncomingMessage, response: ServerResponse) => {
    response.once("close", () => {
      if (closing) socket.end()
    })
    run(response)
  }
  server.on("connection", (socket) => {
    connections.add(socket)
    socket.once("close", () => connections.delete(socket))
  })
  server.on("request", runRequest)
  server.on("checkContinue", runRequest)
  server.on("upgrade", (_request, socket) => run(socket))
  const close = server.close.bind(server)
  server.close = (callback) => {
    closing = true
    close(callback)
    endConnections()
    return server
  }
}
