/** Plain HTTP servers for tests of clients. */
import { Effect, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import { createServer as createSecureServer, type ServerOptions } from "node:https"
import type { AddressInfo } from "node:net"

/** Answers a request. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => void

const listening = (scheme: string, create: () => Server): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = create()
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`))

/** Starts a server on a free port of loopback and returns its URL. */
export const serve = (handler: Handler) => listening("http", () => createServer(handler))

/** Like `serve`, with TLS. */
export const serveTls = (options: ServerOptions, handler: Handler) =>
  listening("https", () => createSecureServer(options, handler))
