/** Nodes over HTTP: turns a node's address into the source of its cores. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { NodeConnector, NodeFailed } from "@koredump/core"
import { type Duration, Effect, Layer } from "effect"
import { HttpClient } from "effect/http"
import { makeRemoteCoreSource } from "../RemoteCoreSource.ts"
import type { RemoteOptions } from "../Transport.ts"
import { guardNode, makeNodeBreaker, type NodeBounds } from "./guardNode.ts"
import type { HttpNodeConnectorError } from "./HttpNodeConnectorError.ts"
import { makeNodeAgent, type NodeTls } from "./nodeAgent.ts"
import { readBody } from "./readBody.ts"
import { tokenFromFile } from "./tokenFile.ts"

/** How to reach nodes, all of them alike. */
export interface HttpNodeConnectorOptions extends NodeTls, NodeBounds {
  /** File with the bearer token for nodes; it is read again every few seconds. */
  readonly tokenFile?: string | undefined
  /** The token itself, or what gives the current one, where there is no file. */
  readonly token?: RemoteOptions["token"]
  /** Whether nodes may have addresses without TLS, to which the token is then sent in the clear; no unless said. */
  readonly insecureHttp?: boolean | undefined
  /** Longest wait for the head of an answer, connecting included; 10 seconds unless said. */
  readonly timeout?: Duration.Input | undefined
  /** Longest silence within an answer, a download's too; 60 seconds unless said. */
  readonly idleTimeout?: Duration.Input | undefined
  /** Longest silence of a watch; 15 seconds unless said, three heartbeats of a node. */
  readonly watchIdleTimeout?: Duration.Input | undefined
  /** How often files are looked at again; 5 seconds unless said. */
  readonly rereadEvery?: Duration.Input | undefined
}

/** Why an address is none that a node can be reached at; undefined where it is one. */
export const nodeAddressRefusal = (address: string, insecureHttp: boolean): string | undefined => {
  const url = URL.parse(address)
  if (url === null || (url.protocol !== "https:" && url.protocol !== "http:")) return "it is no http(s) URL"
  if (url.username + url.password + url.search + url.hash !== "") return "it has credentials, a query or a fragment"
  return url.protocol === "http:" && !insecureHttp ? "plain HTTP is not allowed" : undefined
}

/** A core's metadata is the largest that a node is asked for: its maps, files and environment are some MiB at most. */
const maxAnswerBytes = 32 * 1024 * 1024

const make = Effect.fnUntraced(function*(options: HttpNodeConnectorOptions) {
  const rereadEvery = options.rereadEvery ?? "5 seconds"
  const token = options.tokenFile === undefined ? options.token : yield* tokenFromFile(options.tokenFile, rereadEvery)
  const agent = yield* makeNodeAgent(options, rereadEvery)
  const client = yield* NodeHttpClient.makeNodeHttp.pipe(Effect.provideService(NodeHttpClient.HttpAgent, agent))
  const breaker = yield* makeNodeBreaker

  return NodeConnector.of({
    connect: Effect.fnUntraced(function*({ address, incarnation, name }) {
      const refusal = nodeAddressRefusal(address, options.insecureHttp === true)
      if (refusal !== undefined) {
        return yield* new NodeFailed({
          node: name,
          detail: `Node ${name} cannot be reached at ${address}: ${refusal}.`
        })
      }
      const source = yield* makeRemoteCoreSource({
        url: address,
        ...(token === undefined ? {} : { token }),
        // Once, for a connection that the node closed just as it was used again. Callers try again themselves.
        retries: 1,
        maxRetryAfter: 0,
        maxAnswerBytes,
        timeout: options.timeout ?? "10 seconds",
        idleTimeout: options.idleTimeout ?? "60 seconds",
        watchIdleTimeout: options.watchIdleTimeout ?? "15 seconds"
      }, readBody).pipe(Effect.provideService(HttpClient.HttpClient, client))
      return guardNode(source, breaker, name, `${name} ${address} ${incarnation ?? ""}`, options)
    })
  })
})

/**
 * Reaches nodes at `https://…` (or, where allowed, `http://…`).
 *
 * - TLS 1.2 or newer, verified by the authorities in `ca` for `serverName`. Files may change: new connections go by the
 *   new authorities, running requests are not disturbed.
 * - The token goes to the node that is asked, never over plain HTTP unless that is allowed, and never along a redirect.
 * - A node that fails several times in a row is left alone for 2 to 30 seconds; its watch goes on trying. Requests and
 *   downloads of one node are bounded, and wait for each other for a time that is bounded, too.
 *
 * Fails where a file cannot be used at the start. What comes later is logged, and what was there before stays.
 */
export const layerHttpNodeConnector = (
  options: HttpNodeConnectorOptions = {}
): Layer.Layer<NodeConnector, HttpNodeConnectorError> => Layer.effect(NodeConnector, make(options))
