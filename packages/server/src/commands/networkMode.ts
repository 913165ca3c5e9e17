/** What node agent and cluster server have in common: address, TLS, authentication and authorization. */
import { layerAllowAll } from "@koredump/core"
import {
  hasServiceAccount,
  type KubeApi,
  type KubeAuthenticatorOptions,
  layerKubeApi,
  layerKubeAuthenticator,
  layerKubeAuthorizer
} from "@koredump/kubernetes"
import { Effect, FileSystem, Layer, Option } from "effect"
import { layerNoAuthorization, layerTokenAuthorization } from "../auth/authorization.ts"
import { layerLoopbackOnly } from "../auth/loopback.ts"
import { layerTokenFile } from "../auth/tokenFile.ts"
import { parseListenFlag, parseOpsListenFlag } from "../settings/listenAddress.ts"
import { failSettings, type SettingsError } from "../settings/SettingsError.ts"
import { loadTlsPair } from "../settings/tls.ts"
import type { ServerMode } from "./launchServer.ts"

/** The values of `networkFlags` and the addresses. */
interface NetworkSettings {
  readonly listen: string
  readonly opsListen: Option.Option<string>
  readonly tlsCert: Option.Option<string>
  readonly tlsKey: Option.Option<string>
  readonly auth: Option.Option<"kubernetes" | "token-file" | "none">
  readonly authorization: Option.Option<"rbac" | "authenticated">
  readonly tokenFile: Option.Option<string>
  readonly audience: ReadonlyArray<string>
  readonly kubeconfig: Option.Option<string>
  readonly insecureHttp: boolean
  readonly insecureNoAuth: boolean
}

/** Access to the Kubernetes API. Fails if its settings are invalid. */
export type KubeApiLayer = Layer.Layer<KubeApi, SettingsError>

/**
 * The Kubernetes API of `--kubeconfig`, or of this pod's service account. None outside a cluster without `--kubeconfig`.
 * All users must share the one layer, so that they share its connections.
 */
export const resolveKubeApi = (
  { auth, kubeconfig }: Pick<NetworkSettings, "auth" | "kubeconfig">
): Effect.Effect<Option.Option<KubeApiLayer>> =>
  Effect.map(
    hasServiceAccount,
    (inCluster) =>
      inCluster || Option.isSome(kubeconfig) || Option.contains(auth, "kubernetes")
        ? Option.some(
          layerKubeApi(Option.match(kubeconfig, { onNone: () => ({}), onSome: (kubeconfig) => ({ kubeconfig }) })).pipe(
            Layer.catchTag("KubeConfigError", ({ message }) => Layer.effectContext(failSettings(message)))
          )
        )
        : Option.none()
  )

type AuthorizationLayer = ServerMode["authorization"]

const layerKubeAuthorization = (
  { audience, authorization }: NetworkSettings,
  kubeApi: KubeApiLayer,
  audiences: KubeAuthenticatorOptions
): AuthorizationLayer => {
  const accepted = audience.length > 0 ? { audiences: audience, acceptApiServerAudience: false } : audiences
  const authorizer = Option.contains(authorization, "authenticated") ? layerAllowAll : layerKubeAuthorizer
  return Layer.merge(
    // Provides the authenticator too: the ops port reads its degraded reason.
    layerTokenAuthorization.pipe(Layer.provideMerge(layerKubeAuthenticator(accepted))),
    authorizer
  ).pipe(Layer.provide(kubeApi))
}

/** Resolves how callers are authenticated and authorized. Fails if the settings are incomplete or not safe. */
const resolveAuthorization = Effect.fnUntraced(function*(
  settings: NetworkSettings,
  loopback: boolean,
  kubeApi: Option.Option<KubeApiLayer>,
  audiences: KubeAuthenticatorOptions
): Effect.fn.Return<AuthorizationLayer, SettingsError, FileSystem.FileSystem> {
  const auth = Option.getOrElse(settings.auth, () => Option.isSome(kubeApi) ? "kubernetes" : undefined)
  if (auth === undefined) {
    return yield* failSettings("--auth is required. Use --auth kubernetes, --auth token-file or --auth none.")
  }
  if (auth === "kubernetes" && Option.isSome(kubeApi)) {
    return layerKubeAuthorization(settings, kubeApi.value, audiences)
  }
  if (Option.contains(settings.authorization, "rbac")) {
    return yield* failSettings(
      `--authorization rbac requires --auth kubernetes. With --auth ${auth}, use --authorization authenticated: every ` +
        "authenticated caller can access all cores."
    )
  }
  if (auth === "none") {
    if (loopback || settings.insecureNoAuth) return layerNoAuthorization
    return yield* failSettings(
      "--auth none on an address other than loopback gives everyone on the network access to all cores. Use another " +
        "--auth, or allow it with --insecure-no-auth."
    )
  }
  if (Option.isNone(settings.tokenFile)) return yield* failSettings("--auth token-file requires --token-file FILE.")
  const fs = yield* FileSystem.FileSystem
  return layerTokenAuthorization.pipe(
    Layer.provide(layerTokenFile(settings.tokenFile.value)),
    Layer.provide(Layer.succeed(FileSystem.FileSystem, fs)),
    Layer.merge(layerAllowAll)
  )
})

/** Resolves addresses, TLS, authentication and authorization from the settings. */
export const resolveNetworkMode = Effect.fnUntraced(function*(
  settings: NetworkSettings,
  kubeApi: Option.Option<KubeApiLayer>,
  audiences: KubeAuthenticatorOptions
): Effect.fn.Return<
  Pick<ServerMode, "listen" | "opsListen" | "tls" | "authorization" | "middleware">,
  SettingsError,
  FileSystem.FileSystem
> {
  const listen = yield* parseListenFlag("listen", settings.listen)
  const tls = yield* loadTlsPair(settings.tlsCert, settings.tlsKey)
  if (tls === undefined && !listen.loopback && !settings.insecureHttp) {
    return yield* failSettings(
      "--tls-cert and --tls-key are required on addresses other than loopback. To allow plain HTTP, use --insecure-http."
    )
  }
  const withoutTokens = Option.contains(settings.auth, "none") && !settings.insecureNoAuth
  return {
    listen,
    ...yield* parseOpsListenFlag(settings.opsListen),
    ...(tls === undefined ? {} : { tls }),
    // Without tokens, a web page could send requests, unless everyone is allowed to.
    ...(withoutTokens && !("path" in listen) ? { middleware: layerLoopbackOnly } : {}),
    authorization: yield* resolveAuthorization(settings, listen.loopback, kubeApi, audiences)
  }
})
