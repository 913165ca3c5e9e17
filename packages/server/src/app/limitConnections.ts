import { problemToJson, ServerBusy } from "@koredump/core"
import type { EventEmitter } from "node:events"
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { resetConnection, toAccepted } from "../http/sendQueues.ts"
import { ConnectionTable } from "./ConnectionTable.ts"
import { endConnection } from "./endConnection.ts"

/** Receives what happens to connections, for metrics. */
export interface ConnectionListener {
  /** The number of open connections has changed. */
  readonly onChange: (open: number) => void
  /** An idle connection was closed in favor of a new one. */
  readonly onReplaced: () => void
  /** A connection was refused. */
  readonly onRefused: () => void
}

/** How many refused connections can be open for the moment that their answer takes. */
const maxRefused = 64

const busy = JSON.stringify(
  problemToJson(new ServerBusy({ detail: "The server has no free connection. Retry later." }))
)
const refusal = `HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nContent-Length: ${
  Buffer.byteLength(busy)
}\r\nRetry-After: 5\r\nConnection: close\r\n\r\n${busy}`

/**
 * Limits the open connections of a server, unfinished TLS handshakes included. See {@link ConnectionTable} for which ones
 * are closed or refused. `server.maxConnections` of Node.js would refuse all new ones. Returns the number of open ones.
 */
export const limitConnections = (
  server: Server,
  max: number,
  isTls: boolean,
  { onChange, onRefused, onReplaced }: ConnectionListener
): () => number => {
  const table = new ConnectionTable<Socket>(max)
  let refused = 0

  const refuse = (socket: Socket) => {
    onRefused()
    socket.on("error", () => {})
    // Before the TLS handshake, the client could not read an answer.
    if (isTls || refused >= maxRefused) return socket.destroy()
    refused += 1
    socket.once("close", () => refused -= 1)
    endConnection(socket.resume(), refusal)
    return undefined
  }

  // The server must not parse what a refused connection sends, so this comes before its own listener.
  const accept = server.listeners("connection")
  server.removeAllListeners("connection")
  server.on("connection", (socket: Socket) => {
    const admission = table.open(socket)
    if (admission === "refuse") return refuse(socket)
    if (admission !== "accept") {
      onReplaced()
      admission.close.destroy()
    }
    onChange(table.size)
    socket.once("close", () => {
      table.close(socket)
      onChange(table.size)
    })
    for (const listener of accept) Reflect.apply(listener, server, [socket])
    return undefined
  })

  const track = (socket: Socket, exchange: EventEmitter) => {
    const connection = toAccepted(socket)
    table.begin(connection)
    exchange.once("close", () => table.end(connection))
  }
  const onRequest = ({ socket }: IncomingMessage, response: ServerResponse) => {
    // By default, Node.js would close it, and the kernel would keep what the client has not received.
    response.on("timeout", () => resetConnection(socket))
    track(socket, response)
  }
  server.on("request", onRequest)
  server.on("checkContinue", onRequest)
  server.on("upgrade", (request, socket) => track(request.socket, socket))
  return () => table.size
}
