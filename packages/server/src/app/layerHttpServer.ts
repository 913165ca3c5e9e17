import { NodeHttpServer } from "@effect/platform-node"
import { BadRequest, problemToJson } from "@koredump/core"
import { type Duration, Effect, Layer, Stream } from "effect"
import type { HttpServer, HttpServerError } from "effect/http"
import { lstatSync, rmSync } from "node:fs"
import { createServer, type Server, type ServerOptions } from "node:http"
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https"
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import type { ListenAddress } from "../settings/listenAddress.ts"
import type { TlsPair } from "../settings/tls.ts"
import { enableGracefulClose } from "./enableGracefulClose.ts"

const serverOptions: ServerOptions = {
  maxHeaderSize: 16 * 1024,
  // layerRequireHost rejects them with a problem document.
  requireHostHeader: false,
  // Limits for receiving a request. There is no limit for the duration of a download.
  headersTimeout: 20_000,
  requestTimeout: 60_000
}

const parserErrors: Readonly<Record<string, readonly [status: number, title: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large", "The headers of the request are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout", "The request timed out."]
}

/** Responds to what is not a valid HTTP request. For these, Node.js creates no request and response objects. */
const respondToParserError = (error: NodeJS.ErrnoException, socket: Duplex) => {
  if (!socket.writable || error.code === "ECONNRESET") return socket.destroy()
  const [status, title, detail] = parserErrors[error.code ?? ""] ??
    [400, "Bad Request", "The request is not valid HTTP."]
  const body = JSON.stringify(Object.assign({}, problemToJson(new BadRequest({ detail })), { status }))
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${
      Buffer.byteLength(body)
    }\r\nConnection: close\r\n\r\n${body}`
  )
  return socket
}

/** Removes the socket of a server that was killed, so that this server can listen. A socket in use stays. */
const removeStaleSocket = (path: string): Effect.Effect<void> =>
  Effect.callback((resume) => {
    if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return resume(Effect.void)
    const probe = connect(path, () => {
      probe.destroy()
      resume(Effect.void)
    })
    probe.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") rmSync(path, { force: true })
      resume(Effect.void)
    })
  })

const minVersion = "TLSv1.2"

const createTlsServer = ({ cert, key }: TlsPair): HttpsServer =>
  createHttpsServer({ ...serverOptions, cert, key, minVersion })

/** Gives each renewed certificate to the server, until the scope ends. */
const renewCertificate = (server: Server, { renewed = Stream.empty }: TlsPair) =>
  Stream.runForEach(
    renewed,
    ({ cert, key }) => Effect.sync(() => (server as HttpsServer).setSecureContext({ cert, key, minVersion }))
  ).pipe(Effect.forkScoped)

const makeServer = (tls: TlsPair | undefined): Server => {
  const server = tls === undefined ? createServer(serverOptions) : createTlsServer(tls)
  // Closes connections without any progress, for example if the client has stopped reading. Watches have heartbeats.
  server.timeout = 300_000
  server.on("clientError", respondToParserError)
  // Node.js handles 100-continue. Other expectations can be ignored (RFC 9110, section 10.1.1).
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
  enableGracefulClose(server)
  return server
}

/** The HTTP or HTTPS server of Node.js. At shutdown, it waits for running requests until the grace period ends. */
export const layerHttpServer = (
  address: ListenAddress,
  gracePeriod: Duration.Input,
  tls: TlsPair | undefined
): Layer.Layer<HttpServer.HttpServer, HttpServerError.ServeError> =>
  Layer.unwrap(Effect.gen(function*() {
    if ("path" in address) yield* removeStaleSocket(address.path)
    const server = makeServer(tls)
    return Layer.merge(
      NodeHttpServer.layerServer(() => server, {
        ...("path" in address ? { path: address.path } : { host: address.host, port: address.port }),
        gracefulShutdownTimeout: gracePeriod
      }),
      tls === undefined ? Layer.empty : Layer.effectDiscard(renewCertificate(server, tls))
    )
  }))
