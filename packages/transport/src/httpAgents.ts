import { HttpAgent } from "@effect/platform-node/NodeHttpClient"
import { reload } from "@koredump/core"
import { type Duration, Effect } from "effect"
import { X509Certificate } from "node:crypto"
import { channel } from "node:diagnostics_channel"
import { Agent, type ClientRequest } from "node:http"
import { Agent as SecureAgent } from "node:https"
import { createSecureContext } from "node:tls"
import { HttpNodeConnectorError } from "./HttpNodeConnectorError.ts"
import { readCheckedFile } from "./readCheckedFile.ts"

/** How the certificates of node agents are verified. */
export interface NodeTls {
  /** File with CA certificates (PEM). Default: the CA certificates of Node.js */
  readonly ca?: string | undefined
  /** The name in the certificates. Default: the host name or IP address of the node's address */
  readonly serverName?: string | undefined
}

/** Idle connections kept for each node. */
const maxFreeSockets = 4

/** Interim responses (`103 Early Hints`) that a node can send before its response. */
const maxInterim = 16
/** From this number of chunks on, the chunks of a response must have `minChunkBytes` on average. */
const checkedChunks = 1024
const minChunkBytes = 16

/**
 * Ends a request whose response comes in pieces that are much more expensive than what they contain: interim responses
 * without end, or chunks of one byte, each of which takes hundreds of bytes in memory.
 */
const limitPieces = (request: ClientRequest): void => {
  let interim = 0
  request.on("information", () => {
    interim += 1
    if (interim === maxInterim) request.destroy(new Error("too many interim responses"))
  })
  request.on("response", (response) => {
    let chunks = 0
    let bytes = 0
    const push = response.push.bind(response)
    // The HTTP parser pushes each chunk. A listener for data would change how the response is read.
    response.push = (chunk: Uint8Array | null) => {
      if (response.destroyed) return false
      chunks += 1
      bytes += chunk?.length ?? 0
      if (chunks < checkedChunks || bytes >= chunks * minChunkBytes) return push(chunk)
      response.destroy(new Error("chunks too small"))
      return false
    }
  })
}

const requestStart = channel("http.client.request.start")

/** Limits all requests of these agents. The HTTP client does not give access to its requests otherwise. */
const limitRequests = (agents: () => ReadonlyArray<unknown>) => {
  const onRequest = (message: unknown) => {
    const { request } = message as { readonly request: ClientRequest & { readonly agent?: unknown } }
    if (agents().includes(request.agent)) limitPieces(request)
  }
  return Effect.acquireRelease(
    Effect.sync(() => requestStart.subscribe(onRequest)),
    () => Effect.sync(() => requestStart.unsubscribe(onRequest))
  )
}

/** Whether a text is one or more PEM certificates. TLS itself ignores what it cannot parse. */
const isPemCertificates = (text: string): boolean => {
  const blocks = text.split(/(?=-----BEGIN )/).filter((block) => block.startsWith("-----BEGIN "))
  try {
    for (const block of blocks) void new X509Certificate(block)
  } catch {
    return false
  }
  return blocks.length > 0
}

const makeSecureAgent = (ca: string | undefined, serverName: string | undefined): SecureAgent =>
  new SecureAgent({
    keepAlive: true,
    maxFreeSockets,
    // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED does not turn it off.
    rejectUnauthorized: true,
    // One context for all connections: the CA certificates are parsed once, not once for each of thousands of nodes.
    secureContext: createSecureContext({ minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) }),
    ...(serverName === undefined ? {} : { servername: serverName })
  })

/** Lets running requests finish, and prevents the reuse of their connections. */
const retireAgent = (agent: SecureAgent): void => {
  agent.maxFreeSockets = 0
  for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy()
}

/**
 * Makes the agents of the Node.js HTTP client. When the CA file changes, new connections use the new CA certificates. If
 * the new file is not usable, the failure is logged and the old certificates stay. The number of connections is not
 * limited here, because watches, which never end, would block all other requests in the queue of the agent.
 *
 * Fails if the CA file is not usable now.
 */
export const makeHttpAgents = Effect.fnUntraced(function*({ ca, serverName }: NodeTls, reloadInterval: Duration.Input) {
  const http = yield* Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxFreeSockets })),
    (agent) => Effect.sync(() => agent.destroy())
  )
  const pem = ca === undefined ? undefined : yield* reload({
    read: readCheckedFile(ca, isPemCertificates, "no PEM certificates in the file"),
    every: reloadInterval,
    isSame: Object.is,
    messages: {
      reloaded: "Node CA file reloaded",
      failed: "Node CA file reload failed",
      recovered: "Node CA file readable again"
    },
    onChange: (pem) => {
      retireAgent(https)
      https = makeSecureAgent(pem, serverName)
    }
  }).pipe(
    Effect.annotateLogs({ file: ca }),
    Effect.mapError(({ message }) =>
      new HttpNodeConnectorError({
        message: `Node CA file ${ca}: ${message}. Pass a readable file that contains CA certificates in PEM format.`
      })
    )
  )
  let https = makeSecureAgent(pem?.(), serverName)
  yield* Effect.addFinalizer(() => Effect.sync(() => https.destroy()))

  yield* limitRequests(() => [http, https])

  return HttpAgent.of({
    http,
    get https() {
      return https
    }
  })
})
