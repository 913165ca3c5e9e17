import { NodeHttpServer } from "@effect/platform-node"
import { BadRequest, problemToJson } from "@koredump/core"
import { type Duration, Effect, Layer, Metric, Stream } from "effect"
import type { HttpServer, HttpServerError } from "effect/http"
import { lstatSync, rmSync } from "node:fs"
import { createServer, type Server, type ServerOptions } from "node:http"
import { createServer as createHttpsServer, type Server as HttpsServer } from "node:https"
import { connect } from "node:net"
import type { Duplex } from "node:stream"
import { ResourceUsage } from "../middleware/ResourceUsage.ts"
import type { ListenAddress } from "../settings/listenAddress.ts"
import type { TlsPair } from "../settings/tls.ts"
import { enableGracefulClose } from "./enableGracefulClose.ts"
import { endConnection } from "./endConnection.ts"
import { limitConnections } from "./limitConnections.ts"

const serverOptions: ServerOptions = {
  maxHeaderSize: 16 * 1024,
  // layerRequireHost rejects them with a problem document.
  requireHostHeader: false,
  // Limits for receiving a request. There is no limit for the duration of a download.
  headersTimeout: 20_000,
  requestTimeout: 60_000,
  // How often Node.js looks for expired requests. By default, a silent connection would stay for 30 seconds longer.
  connectionsCheckingInterval: 5000,
  keepAliveTimeout: 5000
}

/**
 * Closes connections without any progress, for example if the client has stopped reading. Watches have heartbeats. A
 * download through the cluster server can be silent for up to 60 seconds while the node is slow; this is twice as long.
 */
const silenceTimeout = 120_000

const parserErrors: Readonly<Record<string, readonly [status: number, title: string, detail: string]>> = {
  HPE_HEADER_OVERFLOW: [431, "Request Header Fields Too Large", "The headers of the request are too large."],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "Request Timeout", "The request timed out."]
}

/** Responds to what is not a valid HTTP request. For these, Node.js creates no request and response objects. */
const respondToParserError = (error: NodeJS.ErrnoException, socket: Duplex) => {
  // Other errors come from the connection or from TLS: the client could not read an answer.
  if (!socket.writable || !/^HPE_|^ERR_HTTP_/.test(error.code ?? "")) return socket.destroy()
  const [status, title, detail] = parserErrors[error.code ?? ""] ??
    [400, "Bad Request", "The request is not valid HTTP."]
  const body = JSON.stringify(Object.assign({}, problemToJson(new BadRequest({ detail })), { status }))
  endConnection(
    socket,
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
  createHttpsServer({ ...serverOptions, cert, key, minVersion, handshakeTimeout: 20_000 })

/** Gives each renewed certificate to the server, until the scope ends. */
const renewCertificate = (server: Server, { renewed = Stream.empty }: TlsPair) =>
  Stream.runForEach(
    renewed,
    ({ cert, key }) => Effect.sync(() => (server as HttpsServer).setSecureContext({ cert, key, minVersion }))
  ).pipe(Effect.forkScoped)

const makeServer = (tls: TlsPair | undefined): Server => {
  const server = tls === undefined ? createServer(serverOptions) : createTlsServer(tls)
  server.timeout = silenceTimeout
  server.on("clientError", respondToParserError)
  // Node.js handles 100-continue. Other expectations can be ignored (RFC 9110, section 10.1.1).
  server.on("checkExpectation", (request, response) => server.emit("request", request, response))
  return server
}

const openConnections = Metric.gauge("koredump_connections", { description: "Open connections, by port" })
const connectionLimit = Metric.gauge("koredump_connections_limit", { description: "Maximum connections, by port" })
const replaced = Metric.counter("koredump_connections_replaced_total", {
  description: "Connections without a request that were closed in favor of new ones, by port",
  incremental: true
})
const refused = Metric.counter("koredump_connections_refused_total", {
  description: "Connections that were refused because all others had a running request, by port",
  incremental: true
})

/** Limits the connections, and measures them. */
const limitAndMeasure = Effect.fnUntraced(function*(server: Server, { maxConnections, port, tls }: HttpServerOptions) {
  const context = yield* Effect.context<never>()
  const attributes = { port }
  const [gauge, limit] = [openConnections, connectionLimit].map((metric) => Metric.withAttributes(metric, attributes))
  limit!.updateUnsafe(maxConnections, context)
  const getOpen = limitConnections(server, maxConnections, tls !== undefined, {
    onChange: (open) => gauge!.updateUnsafe(open, context),
    onReplaced: () => Metric.withAttributes(replaced, attributes).updateUnsafe(1, context),
    onRefused: () => Metric.withAttributes(refused, attributes).updateUnsafe(1, context)
  })
  yield* (yield* ResourceUsage).register(
    port === "main" ? "connections" : "connections to the ops port",
    () => ({ used: getOpen(), limit: maxConnections })
  )
})

/** Options of an HTTP server. */
interface HttpServerOptions {
  /** The name of the port in metrics. */
  readonly port: "main" | "ops"
  /** How long running requests can continue at shutdown. */
  readonly gracePeriod: Duration.Input
  readonly tls: TlsPair | undefined
  readonly maxConnections: number
}

/** The HTTP or HTTPS server of Node.js. At shutdown, it waits for running requests until the grace period ends. */
export const layerHttpServer = (
  address: ListenAddress,
  options: HttpServerOptions
): Layer.Layer<HttpServer.HttpServer, HttpServerError.ServeError> =>
  Layer.unwrap(Effect.gen(function*() {
    if ("path" in address) yield* removeStaleSocket(address.path)
    const { gracePeriod, tls } = options
    const server = makeServer(tls)
    yield* limitAndMeasure(server, options)
    yield* (yield* ResourceUsage).addWarning(() =>
      tls?.isStale?.() === true ? "The TLS certificate cannot be reloaded. See the log." : undefined
    )
    enableGracefulClose(server)
    return Layer.merge(
      NodeHttpServer.layerServer(() => server, {
        ...("path" in address ? { path: address.path } : { host: address.host, port: address.port }),
        // The limit of Linux. With the default of Node.js (511), many new connections at once delay others by a second.
        backlog: 4096,
        gracefulShutdownTimeout: gracePeriod
      }),
      tls === undefined ? Layer.empty : Layer.effectDiscard(renewCertificate(server, tls))
    )
  }))
