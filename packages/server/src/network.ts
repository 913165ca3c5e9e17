/** How callers on the network reach a server, and how it knows who they are: what `node` and `cluster` have in common. */
import { layerAllowAll } from "@koredump/core"
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
  readonly insecureHttp: boolean
  readonly insecureNoAuth: boolean
}

const refuse = (message: string) => Effect.fail(new SettingsError({ message }))

type AuthorizationLayer = ServerMode["authorization"]

/** How callers prove who they are, and what they may; fails where that is not said, or not safe. */
const authorizationOf = Effect.fnUntraced(function*(
  settings: NetworkSettings,
  auth: "kubernetes" | "token-file" | "none",
  loopback: boolean
): Effect.fn.Return<AuthorizationLayer, SettingsError, FileSystem.FileSystem> {
  if (auth === "kubernetes") {
    return yield* refuse("--auth kubernetes comes with the cluster server; this release knows token-file and none.")
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
  settings: NetworkSettings
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
  if (Option.isNone(settings.auth)) return yield* refuse("--auth must be said: token-file or none.")
  const auth = settings.auth.value
  return {
    listen,
    ...yield* opsListenAddress(settings.opsListen),
    ...(tls === undefined ? {} : { tls }),
    // Without tokens a web page could be the caller, unless it was said that everyone may be.
    ...(auth === "none" && !settings.insecureNoAuth && !("path" in listen) ? { extra: layerLoopbackOnly } : {}),
    authorization: yield* authorizationOf(settings, auth, listen.loopback)
  }
})
