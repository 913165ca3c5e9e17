import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, Semaphore } from "effect"
import type { HttpClient } from "effect/http"
import { Agent as HttpAgent } from "node:http"
import { Agent as HttpsAgent } from "node:https"
import type { KubeAccess, KubeCredentials } from "./KubeAccess.ts"

/** Detects a dead connection after 40 seconds. */
const keepAlive = { keepAlive: true, keepAliveMsecs: 30_000 }

const makeAgents = ({ proxy, tls }: KubeCredentials) => ({
  // Only for addresses on this host, see `kubeconfig.ts`.
  http: new HttpAgent(keepAlive),
  https: proxy ?? new HttpsAgent({ ...keepAlive, ...tls, minVersion: "TLSv1.2", rejectUnauthorized: true })
})

interface Connection {
  readonly key: string
  readonly agents: ReturnType<typeof makeAgents>
  readonly client: HttpClient.HttpClient
}

const close = (connection: Connection | undefined) => {
  connection?.agents.http.destroy()
  connection?.agents.https.destroy()
}

/**
 * HTTP client and headers for the next request. Connections verify the server and are kept as long as the certificates
 * stay the same: a TLS handshake for each review would cost more than the review.
 */
export const makeKubeConnections = Effect.fnUntraced(function*(access: KubeAccess) {
  // Exec plugins must not run twice at the same time.
  const mutex = yield* Semaphore.make(1)
  let connection: Connection | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => close(connection)))

  const current = Effect.gen(function*() {
    const credentials = yield* access.credentials
    const { ca, cert, key } = credentials.tls
    const tlsKey = [ca, cert, key].map(String).join()
    if (connection?.key !== tlsKey) {
      close(connection)
      const agents = makeAgents(credentials)
      const client = yield* NodeHttpClient.makeNodeHttp.pipe(
        Effect.provideService(NodeHttpClient.HttpAgent, agents)
      )
      connection = { key: tlsKey, agents, client }
    }
    return { client: connection.client, headers: credentials.headers }
  })

  return { current: mutex.withPermit(current) }
})
