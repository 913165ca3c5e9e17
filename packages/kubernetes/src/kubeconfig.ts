/**
 * Access by a kubeconfig: contexts, exec plugins, client certificates, proxies, as @kubernetes/client-node reads them.
 * Loaded only where there is a kubeconfig: client-node brings 15 MB of classes for all of Kubernetes.
 */
import { toSingleLine } from "@koredump/core"
import type { KubeConfig } from "@kubernetes/client-node"
import { Clock, Effect } from "effect"
import type { Agent, RequestOptions } from "node:https"
import { type KubeAccess, KubeConfigError, type KubeConfigOptions } from "./KubeAccess.ts"

const refuse = (message: string) => new KubeConfigError({ message })

/** What went wrong in client-node, without what a kubeconfig holds: parsers quote the text that they cannot read. */
const whyOf = (error: unknown): string => {
  const { code, message, name, reason } = error as { [key in "code" | "message" | "name" | "reason"]?: unknown }
  if (name === "YAMLException") return `it is no YAML (${toSingleLine(String(reason))})`
  if (name === "SyntaxError") return "what should be JSON is none"
  if (typeof code === "string" && code !== "ENOENT") return code
  return toSingleLine(String(message))
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

const rereadPause = 10_000

/** Reads the kubeconfig at once, so that one that cannot be used is known at the start. */
export const accessByKubeconfig = Effect.fnUntraced(function*(
  options: KubeConfigOptions
): Effect.fn.Return<KubeAccess, KubeConfigError> {
  const { config: first, server } = yield* load(options)
  let config = first
  let refused = false
  let rereadAt = 0

  const reread = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    if (!refused || now < rereadAt + rereadPause) return
    rereadAt = now
    refused = false
    const loaded = yield* Effect.result(load(options))
    if (loaded._tag === "Success" && loaded.success.server === server) config = loaded.success.config
  })

  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    credentials: Effect.gen(function*() {
      yield* reread
      // Even where the environment says NODE_TLS_REJECT_UNAUTHORIZED=0, for the connections that client-node makes.
      const request: RequestOptions = { rejectUnauthorized: true }
      yield* Effect.tryPromise({
        try: () => config.applyToHTTPSOptions(request),
        catch: (error) => refuse(`No credentials for ${server}: ${whyOf(error)}.`)
      })
      const { agent, ca, cert, key, servername } = request
      return {
        tls: { ca, cert, key, servername },
        proxy: config.getCurrentCluster()?.proxyUrl === undefined ? undefined : agent as Agent,
        headers: headersOf(request)
      }
    }),
    refused: Effect.sync(() => {
      refused = true
    })
  }
})
