import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { makeRemoteCoreSource, nodeLimits, type RemoteOptions } from "@koredump/client/effect"
import { heartbeatTimeout, NodeConnector, NodeFailed } from "@koredump/core"
import { type Duration, Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { makeHttpAgents, type NodeTls } from "./httpAgents.ts"
import type { HttpNodeConnectorError } from "./HttpNodeConnectorError.ts"
import { readBody } from "./readBody.ts"
import { readTokenFile } from "./readTokenFile.ts"
import { makeNodeBreaker, type NodeConnectionLimits, withNodeLimits } from "./withNodeLimits.ts"
import { withOwnConnections } from "./withOwnConnections.ts"

/** How to reach node agents. The same options are used for all nodes. */
export interface HttpNodeConnectorOptions extends NodeTls, NodeConnectionLimits {
  /** File with the bearer token for node agents. It is read again at every `reloadInterval`. */
  readonly tokenFile?: string | undefined
  /** The token, or what returns the current one. Ignored if `tokenFile` is set. */
  readonly token?: RemoteOptions["token"]
  /** Whether `http://` addresses are allowed. The token is sent unencrypted then. Default: `false` */
  readonly insecureHttp?: boolean | undefined
  /** Timeout from the start of a request until its response headers. Default: 10 seconds */
  readonly timeout?: Duration.Input | undefined
  /** Longest time without data in a response body, including downloads. Default: 60 seconds */
  readonly idleTimeout?: Duration.Input | undefined
  /** Longest time without data in a watch. Default: 15 seconds, three heartbeats of a node agent */
  readonly watchIdleTimeout?: Duration.Input | undefined
  /** How often files are read again. Default: 5 seconds */
  readonly reloadInterval?: Duration.Input | undefined
}

/** Why a node cannot be reached at an address, as the end of a sentence. `undefined` if the address is valid. */
export const invalidAddressReason = (address: string, insecureHttp: boolean): string | undefined => {
  const url = URL.parse(address)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return "not an http:// or https:// URL"
  if (url.username + url.password + url.search + url.hash !== "") {
    return "credentials, queries and fragments are not supported"
  }
  return url.protocol === "http:" && !insecureHttp ? "plain HTTP is not allowed" : undefined
}

const make = Effect.fnUntraced(function*(options: HttpNodeConnectorOptions) {
  const reloadInterval = options.reloadInterval ?? "5 seconds"
  const token = options.tokenFile === undefined
    ? options.token
    : yield* readTokenFile(options.tokenFile, reloadInterval)
  const agent = yield* makeHttpAgents(options, reloadInterval)
  const client = withOwnConnections(
    yield* NodeHttpClient.makeNodeHttp.pipe(Effect.provideService(NodeHttpClient.HttpAgent, agent)),
    agent
  )
  const breaker = yield* makeNodeBreaker

  return NodeConnector.of({
    connect: Effect.fnUntraced(function*({ address, incarnation, name }) {
      const invalid = invalidAddressReason(address, options.insecureHttp === true)
      if (invalid !== undefined) {
        return yield* new NodeFailed({
          node: name,
          detail: `Invalid address of node ${name} (${address}): ${invalid}.`
        })
      }
      const source = yield* makeRemoteCoreSource(
        {
          url: address,
          ...(token === undefined ? {} : { token }),
          // One retry, for a connection that the node closes at the moment when it is reused. Callers retry themselves.
          retries: 1,
          maxRetryAfter: 0,
          timeout: options.timeout ?? "10 seconds",
          idleTimeout: options.idleTimeout ?? "60 seconds",
          watchIdleTimeout: options.watchIdleTimeout ?? heartbeatTimeout
        },
        readBody,
        nodeLimits
      ).pipe(Effect.provideService(HttpClient.HttpClient, client))
      return withNodeLimits(source, breaker, name, `${name} ${address} ${incarnation ?? ""}`, options)
    })
  })
})

/**
 * A `NodeConnector` for node agents at `https://…` (or `http://…`, if allowed).
 *
 * - TLS 1.2 or newer. Certificates are verified against `ca`, for `serverName`. When the CA file changes, new connections
 *   use the new CA certificates, and running requests continue.
 * - The token is sent to the requested node only: not over plain HTTP unless that is allowed, and not to the target of a
 *   redirect. While the token file is not usable, requests fail with `NodeFailed`.
 * - After several failures in a row, a node gets no requests for 2 to 30 seconds, except for watches. The number of
 *   concurrent requests and downloads of each node is limited; others wait in a queue, with a timeout.
 *
 * Fails if a file is not usable at the start. Later failures are logged.
 */
export const layerHttpNodeConnector = (
  options: HttpNodeConnectorOptions = {}
): Layer.Layer<NodeConnector, HttpNodeConnectorError> => Layer.effect(NodeConnector, make(options))
