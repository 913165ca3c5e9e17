/**
 * Where the API server is, and how to prove to it who we are: by a kubeconfig or by a pod's service account, as kubectl
 * finds them. @kubernetes/client-node reads them (exec plugins, certificates, token files that rotate); requests are
 * sent by Effect's client, over connections that are kept for as long as the certificates are the same.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type { KubeConfig } from "@kubernetes/client-node"
import { Clock, Effect, Schema, type Scope, Semaphore } from "effect"
import type { HttpClient } from "effect/http"
import { Agent as HttpAgent } from "node:http"
import { Agent as HttpsAgent, type RequestOptions } from "node:https"
import { excerpt } from "./excerpt.ts"

/** The kubeconfig cannot be used: one sentence for whoever started the program. */
export class KubeConfigError extends Schema.TaggedError<KubeConfigError>()("KubeConfigError", {
  message: Schema.String
}) {}

/** Which cluster. */
export interface KubeConfigOptions {
  /** A kubeconfig; without it those of `KUBECONFIG`, `~/.kube/config`, or the service account of this pod. */
  readonly kubeconfig?: string | undefined
  /** One of its contexts; without it the current one. */
  readonly context?: string | undefined
}

/** What a request needs: a client whose connections are verified, and headers that say who asks. */
export interface Credentials {
  readonly client: HttpClient.HttpClient
  readonly headers: Readonly<Record<string, string>>
}

/** See the module's text. */
export interface KubeCredentials {
  /** Address of the API server, without a slash at the end. */
  readonly server: string
  /** The namespace of the context or of the service account. */
  readonly namespace: string | undefined
  readonly current: Effect.Effect<Credentials, KubeConfigError>
  /** The API server did not accept them: they are read anew. */
  readonly refused: Effect.Effect<void>
}

const refuse = (message: string) => new KubeConfigError({ message })

/** What went wrong in client-node, without what a kubeconfig holds: parsers quote the text that they cannot read. */
const whyOf = (error: unknown): string => {
  const { code, message, name, reason } = error as { [key in "code" | "message" | "name" | "reason"]?: unknown }
  if (name === "YAMLException") return `it is no YAML (${excerpt(String(reason))})`
  if (name === "SyntaxError") return "what should be JSON is none"
  if (typeof code === "string" && code !== "ENOENT") return code
  return excerpt(String(message))
}

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

/** The address of the chosen cluster; fails where the choice leads nowhere, or to a server that cannot be verified. */
const checked = (config: KubeConfig, from: string): Effect.Effect<string, KubeConfigError> => {
  const context = config.getContextObject(config.getCurrentContext())
  if (context === null) return Effect.fail(refuse(`${from} has no context "${config.getCurrentContext() ?? ""}".`))
  const cluster = config.getCurrentCluster()
  if (cluster === null) return Effect.fail(refuse(`${from} has no cluster "${context.cluster}".`))
  if (config.getCurrentUser() === null) return Effect.fail(refuse(`${from} has no user "${context.user ?? ""}".`))
  if (!URL.canParse(cluster.server)) return Effect.fail(refuse(`${from} has no valid address of the API server.`))
  const { hostname, href, protocol } = new URL(cluster.server)
  if (cluster.skipTLSVerify) {
    return Effect.fail(
      refuse(`${from} says insecure-skip-tls-verify: the API server is always verified, give its CA instead.`)
    )
  }
  if (protocol === "http:" && loopback.test(hostname)) {
    // Nothing to verify there (`kubectl proxy`); client-node insists on being told so.
    config.clusters = config.clusters.map((other) => other === cluster ? { ...other, skipTLSVerify: true } : other)
  } else if (protocol !== "https:") {
    return Effect.fail(refuse(`${from} has an API server that is reached neither by https nor on loopback.`))
  }
  return Effect.succeed(href.replace(/\/+$/, ""))
}

const load = Effect.fnUntraced(function*(options: KubeConfigOptions) {
  const { KubeConfig } = yield* Effect.promise(() => import("@kubernetes/client-node"))
  const from = options.kubeconfig === undefined ? "The kubeconfig" : `The kubeconfig ${options.kubeconfig}`
  const config = yield* Effect.try({
    try: () => {
      const config = new KubeConfig()
      if (options.kubeconfig === undefined) config.loadFromDefault()
      else config.loadFromFile(options.kubeconfig)
      return config
    },
    catch: (error) => refuse(`${from} cannot be used: ${whyOf(error)}.`)
  })
  // What client-node takes where it finds nothing.
  if (config.getCurrentContext() === "loaded-context") {
    return yield* refuse("There is no kubeconfig, and no service account as in a pod: --kubeconfig names one.")
  }
  if (options.context !== undefined) config.setCurrentContext(options.context)
  return { config, server: yield* checked(config, from) }
})

/** The headers of client-node's request options. */
const headersOf = ({ auth, headers }: RequestOptions): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()])),
  ...(typeof auth === "string" ? { Authorization: `Basic ${Buffer.from(auth).toString("base64")}` } : {})
})

/** Connections are kept open, and one that died silently is noticed after 40 seconds. */
const keepAlive = { keepAlive: true, keepAliveMsecs: 30_000 }

const agentsOf = ({ agent, ca, cert, key, servername }: RequestOptions, proxied: boolean) => {
  if (proxied) return { http: agent as HttpAgent, https: agent as HttpsAgent }
  return {
    http: new HttpAgent(keepAlive),
    https: new HttpsAgent({
      ...keepAlive,
      ca,
      cert,
      key,
      servername,
      minVersion: "TLSv1.2",
      rejectUnauthorized: true
    })
  }
}

const rereadPause = 10_000

/** Reads the configuration at once, so that one that cannot be used is known at the start. */
export const makeKubeCredentials = Effect.fnUntraced(function*(
  options: KubeConfigOptions
): Effect.fn.Return<KubeCredentials, KubeConfigError, Scope.Scope> {
  const { config: first, server } = yield* load(options)
  // An exec plugin is not run twice at once.
  const one = yield* Semaphore.make(1)
  let config = first
  let refused = false
  let rereadAt = 0
  let held: {
    readonly tls: string
    readonly agents: ReturnType<typeof agentsOf>
    readonly client: HttpClient.HttpClient
  } | undefined

  yield* Effect.addFinalizer(() => Effect.sync(() => held?.agents.https.destroy()))

  const reread = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    if (!refused || now < rereadAt + rereadPause) return
    rereadAt = now
    refused = false
    const loaded = yield* Effect.result(load(options))
    if (loaded._tag === "Success" && loaded.success.server === server) config = loaded.success.config
  })

  const read = Effect.gen(function*() {
    yield* reread
    const request: RequestOptions = { rejectUnauthorized: true }
    yield* Effect.tryPromise({
      try: () => config.applyToHTTPSOptions(request),
      catch: (error) => refuse(`No credentials for ${server}: ${whyOf(error)}.`)
    })
    const proxied = config.getCurrentCluster()?.proxyUrl !== undefined
    const tls = JSON.stringify([String(request.ca), String(request.cert), String(request.key)])
    if (held === undefined || held.tls !== tls) {
      held?.agents.https.destroy()
      const agents = agentsOf(request, proxied)
      const client = yield* NodeHttpClient.makeNodeHttp.pipe(
        Effect.provideService(NodeHttpClient.HttpAgent, agents)
      )
      held = { tls, agents, client }
    }
    return { client: held.client, headers: headersOf(request) }
  })

  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    current: one.withPermit(read),
    refused: Effect.sync(() => {
      refused = true
    })
  }
})
