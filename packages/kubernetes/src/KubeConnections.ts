/**
 * Verified connections to the API server. They are kept for as long as the certificates are the same: a handshake for
 * each review would cost more than the review.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import { Effect, Semaphore } from "effect"
import type { HttpClient } from "effect/http"
import { Agent as HttpAgent } from "node:http"
import { Agent as HttpsAgent } from "node:https"
import type { KubeAccess, KubeCredentials } from "./KubeAccess.ts"

/** One that died silently is noticed after 40 seconds. */
const keepAlive = { keepAlive: true, keepAliveMsecs: 30_000 }

const agentsOf = ({ proxy, tls }: KubeCredentials) => ({
  // To loopback alone, see `kubeconfig.ts`.
  http: new HttpAgent(keepAlive),
  https: proxy ?? new HttpsAgent({ ...keepAlive, ...tls, minVersion: "TLSv1.2", rejectUnauthorized: true })
})

interface Held {
  readonly key: string
  readonly agents: ReturnType<typeof agentsOf>
  readonly client: HttpClient.HttpClient
}

const close = (held: Held | undefined) => {
  held?.agents.http.destroy()
  held?.agents.https.destroy()
}

/** A client, and the headers that say who asks, for the next request. */
export const makeKubeConnections = Effect.fnUntraced(function*(access: KubeAccess) {
  // A plugin is not run twice at once.
  const one = yield* Semaphore.make(1)
  let held: Held | undefined
  yield* Effect.addFinalizer(() => Effect.sync(() => close(held)))

  const current = Effect.gen(function*() {
    const credentials = yield* access.credentials
    const { ca, cert, key } = credentials.tls
    const tls = [ca, cert, key].map(String).join()
    if (held?.key !== tls) {
      close(held)
      const agents = agentsOf(credentials)
      const client = yield* NodeHttpClient.makeNodeHttp.pipe(
        Effect.provideService(NodeHttpClient.HttpAgent, agents)
      )
      held = { key: tls, agents, client }
    }
    return { client: held.client, headers: credentials.headers }
  })

  return { current: one.withPermit(current) }
})
