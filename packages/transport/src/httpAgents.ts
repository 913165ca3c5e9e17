/** The sockets to all nodes: connections that are used again, TLS that is verified, authorities that may change. */
import { HttpAgent } from "@effect/platform-node/NodeHttpClient"
import { type Duration, Effect, Schedule } from "effect"
import { X509Certificate } from "node:crypto"
import { readFile } from "node:fs/promises"
import { Agent } from "node:http"
import { Agent as SecureAgent } from "node:https"
import { createSecureContext } from "node:tls"
import { HttpNodeConnectorError } from "./HttpNodeConnectorError.ts"

/** Whom to believe. */
export interface NodeTls {
  /** File with the certificates of the authorities (PEM). Without it those that Node knows. */
  readonly ca?: string | undefined
  /** The name that the nodes' certificates carry; without it that (or the IP) of the address. */
  readonly serverName?: string | undefined
}

/** Idle connections kept to one node. */
const maxFreeSockets = 4

/** Throws where the text is anything but certificates: TLS itself would pass over what it does not understand. */
const checkCertificates = (pem: string): void => {
  const blocks = pem.split(/(?=-----BEGIN )/).filter((block) => block.startsWith("-----BEGIN "))
  if (blocks.length === 0) throw new Error("no certificate")
  for (const block of blocks) void new X509Certificate(block)
}

const readAuthorities = (path: string): Effect.Effect<string, HttpNodeConnectorError> =>
  Effect.tryPromise({
    try: () => readFile(path, "utf8"),
    catch: (error) =>
      new HttpNodeConnectorError({
        message: `The CA file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}).`
      })
  }).pipe(
    Effect.tap((pem) =>
      Effect.try({
        try: () => checkCertificates(pem),
        catch: () =>
          new HttpNodeConnectorError({ message: `The CA file ${path} holds something else than certificates.` })
      })
    )
  )

const secureAgent = (ca: string | undefined, serverName: string | undefined): SecureAgent =>
  new SecureAgent({
    keepAlive: true,
    maxFreeSockets,
    // Whatever the environment says.
    rejectUnauthorized: true,
    // One for all connections: authorities are parsed once, not once for each of thousands of nodes.
    secureContext: createSecureContext({ minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) }),
    ...(serverName === undefined ? {} : { servername: serverName })
  })

/** Its running requests go on; none of its connections is used again. */
const retire = (agent: SecureAgent): void => {
  agent.maxFreeSockets = 0
  for (const socket of Object.values(agent.freeSockets).flatMap((sockets) => sockets ?? [])) socket.destroy()
}

/**
 * Agents for Node's HTTP client. When the file of authorities changes, new connections are verified by the new ones; a
 * file that cannot be used is logged, and the old ones stay. How many sockets a node has is for the caller to bound: a
 * queue in here would let watches, which never end, hold up all else.
 */
export const makeHttpAgents = Effect.fnUntraced(function*({ ca, serverName }: NodeTls, rereadEvery: Duration.Input) {
  const http = yield* Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxFreeSockets })),
    (agent) => Effect.sync(() => agent.destroy())
  )
  let pem = ca === undefined ? undefined : yield* readAuthorities(ca)
  let https = secureAgent(pem, serverName)
  yield* Effect.addFinalizer(() => Effect.sync(() => https.destroy()))

  if (ca !== undefined) {
    let complaint: string | undefined
    yield* readAuthorities(ca).pipe(
      Effect.flatMap((next) => {
        complaint = undefined
        if (next === pem) return Effect.void
        pem = next
        retire(https)
        https = secureAgent(next, serverName)
        return Effect.logInfo("The authorities of the nodes' certificates have changed.")
      }),
      Effect.catch(({ message }) => {
        if (message === complaint) return Effect.void
        complaint = message
        return Effect.logWarning(`${message} Those in use stay.`)
      }),
      Effect.repeat(Schedule.spaced(rereadEvery)),
      Effect.forkScoped
    )
  }

  return HttpAgent.of({
    http,
    get https() {
      return https
    }
  })
})
