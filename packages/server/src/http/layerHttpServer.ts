/** Node's HTTP or HTTPS server on an address. */
import { NodeHttpServer } from "@effect/platform-node"
import { type Duration, Effect, Layer, Stream } from "effect"
import type { HttpServer, HttpServerError } from "effect/http"
import { lstatSync, rmSync } from "node:fs"
import { createServer, type Server, type ServerOptions } from "node:http"
import { createServer as createSecureServer, type Server as SecureServer } from "node:https"
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import type { ListenAddress } from "../listenAddress.ts"
import { endWithLastResponse } from "./endWithLastResponse.ts"

/** Certificate chain and private key, PEM. */
export interface TlsPair {
  readonly cert: string
  readonly key: string
  /** The pairs that replace it, as they come: connections from then on get the new one, those that are there stay. */
  readonly renewed?: Stream.Stream<Omit<TlsPair, "renewed">>
}

const options: ServerOptions = {
  maxHeaderSize: 16 * 1024,
  // layerRequireHost refuses them.
  requireHostHeader: false,
  // A client that does not finish its request is cut off; downloads may take as long as they like.
  headersTimeout: 20_000,
  requestTimeout: 60_000
}

const parserProblems: Readonly<Record<string, readonly [number, string, string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large", "The headers of the request are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout", "The request did not come in time."]
}

/** What Node's parser refuses is answered by hand: no request comes of it. */
const answerParserError = (error: NodeJS.ErrnoException, socket: Duplex) => {
  if (!socket.writable || error.code === "ECONNRESET") return socket.destroy()
  const [status, title, detail] = parserProblems[error.code ?? ""] ??
    [400, "Bad Request", "The request is not valid HTTP."]
  const body = JSON.stringify({
    type: "https://koredump.dev/problems/bad-request",
    status,
    title: "The request is not valid",
    detail
  })
  socket.end(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\nContent-Length: ${
      Buffer.byteLength(body)
    }\r\nConnection: close\r\n\r\n${body}`
  )
  return socket
}

/** A socket that nobody listens on, since its server was killed, must not keep the next server from listening. */
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

const createTlsServer = ({ cert, key }: TlsPair): SecureServer =>
  createSecureServer({ ...options, cert, key, minVersion })

/** Gives the server each pair that comes, until the scope ends. */
const renew = (server: Server, { renewed = Stream.empty }: TlsPair) =>
  Stream.runForEach(
    renewed,
    ({ cert, key }) => Effect.sync(() => (server as SecureServer).setSecureContext({ cert, key, minVersion }))
  ).pipe(Effect.forkScoped)

const create = (tls: TlsPair | undefined): Server => {
  const server = tls === undefined ? createServer(options) : createTlsServer(tls)
  // A client that stopped reading, or is gone without a word, gives its place back. Any progress starts the time anew;
  // a watch has a heartbeat.
  server.timeout = 300_000
  server.on("clientError", answerParserError)
  // Nothing needs to be expected but 100-continue, which Node knows; the rest may be passed over (RFC 9110, 10.1.1).
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
  endWithLastResponse(server)
  return server
}

/** See the module's text. Shutting down, it waits for running requests for the grace period. */
export const layerHttpServer = (
  address: ListenAddress,
  gracePeriod: Duration.Input,
  tls: TlsPair | undefined
): Layer.Layer<HttpServer.HttpServer, HttpServerError.ServeError> =>
  Layer.unwrap(Effect.gen(function*() {
    if ("path" in address) yield* removeStaleSocket(address.path)
    const server = create(tls)
    return Layer.merge(
      NodeHttpServer.layerServer(() => server, {
        ...("path" in address ? { path: address.path } : { host: address.host, port: address.port }),
        gracefulShutdownTimeout: gracePeriod
      }),
      tls === undefined ? Layer.empty : Layer.effectDiscard(renew(server, tls))
    )
  }))
