/** How callers on the network reach a server, and how it knows who they are: what `node` and `cluster` have in common. */
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
import { layerNoAuthorization, layerTokenAuthorization } from "./auth/authorization.ts"
import { layerLoopbackOnly } from "./auth/loopback.ts"
import { layerTokenFile } from "./auth/tokenFile.ts"
import { listenAddress, opsListenAddress, type ServerMode } from "./launch.ts"
import { SettingsError } from "./SettingsError.ts"
import { tlsPair } from "./tls.ts"

/** Settings of the servers that others reach over the network, as flags give them. */
export interface NetworkSettings {
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

const refuse = (message: string) => Effect.fail(new SettingsError({ message }))

/** Access to the API server; fails where the settings for it cannot be used. */
export type KubeApiLayer = Layer.Layer<KubeApi, SettingsError>

/**
 * Kubernetes, as far as it is there: as `--kubeconfig` says, else as this pod has it. One layer, so that all who use it
 * share its connections.
 */
export const kubeApiOf = (
  { auth, kubeconfig }: Pick<NetworkSettings, "auth" | "kubeconfig">
): Effect.Effect<Option.Option<KubeApiLayer>> =>
  Effect.map(
    hasServiceAccount,
    (inCluster) =>
      inCluster || Option.isSome(kubeconfig) || Option.contains(auth, "kubernetes")
        ? Option.some(
          layerKubeApi(Option.match(kubeconfig, { onNone: () => ({}), onSome: (kubeconfig) => ({ kubeconfig }) })).pipe(
            Layer.catchTag(
              "KubeConfigError",
              ({ message }) => Layer.effectContext(Effect.fail(new SettingsError({ message })))
            )
          )
        )
        : Option.none()
  )

type AuthorizationLayer = ServerMode["authorization"]

const kubernetesAuthorization = (
  { audience, authorization }: NetworkSettings,
  kubeApi: KubeApiLayer,
  audiences: KubeAuthenticatorOptions
): AuthorizationLayer => {
  const accepted = audience.length > 0 ? { audiences: audience, acceptApiServerAudience: false } : audiences
  const authorizer = Option.contains(authorization, "authenticated") ? layerAllowAll : layerKubeAuthorizer
  return Layer.merge(
    // Both: the ops port asks the authenticator itself what it lacks.
    layerTokenAuthorization.pipe(Layer.provideMerge(layerKubeAuthenticator(accepted))),
    authorizer
  ).pipe(Layer.provide(kubeApi))
}

/** How callers prove who they are, and what they may; fails where that is not said, or not safe. */
const authorizationOf = Effect.fnUntraced(function*(
  settings: NetworkSettings,
  loopback: boolean,
  kubeApi: Option.Option<KubeApiLayer>,
  audiences: KubeAuthenticatorOptions
): Effect.fn.Return<AuthorizationLayer, SettingsError, FileSystem.FileSystem> {
  const auth = Option.getOrElse(settings.auth, () => Option.isSome(kubeApi) ? "kubernetes" : undefined)
  if (auth === undefined) return yield* refuse("--auth must be said: kubernetes, token-file or none.")
  if (auth === "kubernetes" && Option.isSome(kubeApi)) {
    return kubernetesAuthorization(settings, kubeApi.value, audiences)
  }
  if (Option.contains(settings.authorization, "rbac")) {
    return yield* refuse("--authorization rbac needs --auth kubernetes; without, every accepted caller sees all.")
  }
  if (auth === "none") {
    if (loopback || settings.insecureNoAuth) return layerNoAuthorization
    return yield* refuse("--auth none beyond loopback shows all cores to everyone there: it needs --insecure-no-auth.")
  }
  if (Option.isNone(settings.tokenFile)) return yield* refuse("--auth token-file needs --token-file FILE.")
  const fs = yield* FileSystem.FileSystem
  return layerTokenAuthorization.pipe(
    Layer.provide(layerTokenFile(settings.tokenFile.value)),
    Layer.provide(Layer.succeed(FileSystem.FileSystem, fs)),
    Layer.merge(layerAllowAll)
  )
})

/** What the settings say of address, TLS and callers. */
export const networkMode = Effect.fnUntraced(function*(
  settings: NetworkSettings,
  kubeApi: Option.Option<KubeApiLayer>,
  audiences: KubeAuthenticatorOptions
): Effect.fn.Return<
  Pick<ServerMode, "listen" | "opsListen" | "tls" | "authorization" | "extra">,
  SettingsError,
  FileSystem.FileSystem
> {
  const listen = yield* listenAddress("listen", settings.listen)
  const tls = yield* tlsPair(settings.tlsCert, settings.tlsKey)
  if (tls === undefined && !listen.loopback && !settings.insecureHttp) {
    return yield* refuse(
      "Beyond loopback this server speaks TLS: give --tls-cert and --tls-key, or allow plain HTTP with --insecure-http."
    )
  }
  const withoutTokens = Option.contains(settings.auth, "none") && !settings.insecureNoAuth
  return {
    listen,
    ...yield* opsListenAddress(settings.opsListen),
    ...(tls === undefined ? {} : { tls }),
    // Without tokens a web page could be the caller, unless it was said that everyone may be.
    ...(withoutTokens && !("path" in listen) ? { extra: layerLoopbackOnly } : {}),
    authorization: yield* authorizationOf(settings, listen.loopback, kubeApi, audiences)
  }
})
