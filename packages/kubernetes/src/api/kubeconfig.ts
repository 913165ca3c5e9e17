import { isLoopbackHost, toSingleLine } from "@koredump/core"
import type { KubeConfig } from "@kubernetes/client-node"
import { Clock, Effect } from "effect"
import type { Agent, RequestOptions } from "node:https"
import { type KubeAccess, KubeConfigError, type KubeConfigOptions } from "./KubeAccess.ts"

const toError = (message: string) => new KubeConfigError({ message })

/** The reason of a client-node error, without contents of the kubeconfig: parsers quote the text they cannot read. */
const toReason = (error: unknown): string => {
  const { code, message, name, reason } = error as { [key in "code" | "message" | "name" | "reason"]?: unknown }
  if (name === "YAMLException") return `invalid YAML (${toSingleLine(String(reason))})`
  if (name === "SyntaxError") return "invalid JSON"
  if (typeof code === "string" && code !== "ENOENT") return code
  return toSingleLine(String(message))
}

/** The URL of the selected cluster. Fails if the selection is incomplete, or if the server cannot be verified. */
const checkServer = (config: KubeConfig, from: string): Effect.Effect<string, KubeConfigError> => {
  const context = config.getContextObject(config.getCurrentContext())
  if (context === null) return Effect.fail(toError(`${from} has no context "${config.getCurrentContext() ?? ""}".`))
  const cluster = config.getCurrentCluster()
  if (cluster === null) return Effect.fail(toError(`${from} has no cluster "${context.cluster}".`))
  if (config.getCurrentUser() === null) return Effect.fail(toError(`${from} has no user "${context.user ?? ""}".`))
  if (!URL.canParse(cluster.server)) return Effect.fail(toError(`${from} has no valid server URL.`))
  const { hostname, href, protocol } = new URL(cluster.server)
  if (cluster.skipTLSVerify) {
    return Effect.fail(
      toError(
        `${from} sets insecure-skip-tls-verify, which koredump does not support. Set certificate-authority instead.`
      )
    )
  }
  if (protocol === "http:" && isLoopbackHost(hostname)) {
    // There is nothing to verify (`kubectl proxy`), but client-node requires this setting for http.
    config.clusters = config.clusters.map((other) => other === cluster ? { ...other, skipTLSVerify: true } : other)
  } else if (protocol !== "https:") {
    return Effect.fail(toError(`${from} has a server URL without TLS. Use https, or http on localhost.`))
  }
  return Effect.succeed(href.replace(/\/+$/, ""))
}

const loadKubeconfig = Effect.fnUntraced(function*(options: KubeConfigOptions) {
  const { KubeConfig } = yield* Effect.promise(() => import("@kubernetes/client-node"))
  const from = options.kubeconfig === undefined ? "The kubeconfig" : `The kubeconfig ${options.kubeconfig}`
  const config = yield* Effect.try({
    try: () => {
      const config = new KubeConfig()
      if (options.kubeconfig === undefined) config.loadFromDefault()
      else config.loadFromFile(options.kubeconfig)
      return config
    },
    catch: (error) => toError(`${from} cannot be read: ${toReason(error)}.`)
  })
  // The default of client-node if it finds nothing.
  if (config.getCurrentContext() === "loaded-context") {
    return yield* toError("No kubeconfig and no service account found. Pass a kubeconfig with --kubeconfig.")
  }
  if (options.context !== undefined) config.setCurrentContext(options.context)
  return { config, server: yield* checkServer(config, from) }
})

/** The headers in the request options of client-node. */
const toHeaders = ({ auth, headers }: RequestOptions): Record<string, string> => ({
  ...Object.fromEntries(Object.entries(headers ?? {}).map(([name, value]) => [name, String(value).trim()])),
  ...(typeof auth === "string" ? { Authorization: `Basic ${Buffer.from(auth).toString("base64")}` } : {})
})

const rereadInterval = 10_000

/**
 * Access with a kubeconfig: contexts, exec plugins, client certificates and proxies, as @kubernetes/client-node supports
 * them. Import this module only if there is a kubeconfig: client-node loads 15 MB of classes.
 */
export const readKubeconfig = Effect.fnUntraced(function*(
  options: KubeConfigOptions
): Effect.fn.Return<KubeAccess, KubeConfigError> {
  const { config: first, server } = yield* loadKubeconfig(options)
  let config = first
  let isRejected = false
  let rereadAt = 0

  const reread = Effect.gen(function*() {
    const now = yield* Clock.currentTimeMillis
    if (!isRejected || now < rereadAt + rereadInterval) return
    rereadAt = now
    isRejected = false
    const loaded = yield* Effect.result(loadKubeconfig(options))
    if (loaded._tag === "Success" && loaded.success.server === server) config = loaded.success.config
  })

  return {
    server,
    namespace: config.getContextObject(config.getCurrentContext())?.namespace?.trim(),
    credentials: Effect.gen(function*() {
      yield* reread
      // Overrides NODE_TLS_REJECT_UNAUTHORIZED=0 for the connections that client-node creates.
      const request: RequestOptions = { rejectUnauthorized: true }
      yield* Effect.tryPromise({
        try: () => config.applyToHTTPSOptions(request),
        catch: (error) => toError(`Cannot get credentials for ${server}: ${toReason(error)}.`)
      })
      const { agent, ca, cert, key, servername } = request
      return {
        tls: { ca, cert, key, servername },
        proxy: config.getCurrentCluster()?.proxyUrl === undefined ? undefined : agent as Agent,
        headers: toHeaders(request)
      }
    }),
    onRejected: Effect.sync(() => {
      isRejected = true
    })
  }
})
