/** `koredump-server node`: this host's cores for callers on the network, who prove who they are. */
import type { Authorization } from "@koredump/core"
import { Effect, FileSystem, Layer, Option } from "effect"
import { Command } from "effect/cli"
import { layerNoAuthorization, layerTokenAuthorization } from "../auth/authorization.ts"
import { layerLoopbackOnly } from "../auth/loopback.ts"
import { layerTokenFile } from "../auth/tokenFile.ts"
import { layerHostServer, listenAddress } from "../host.ts"
import type { TlsPair } from "../http/layerHttpServer.ts"
import { commonFlags, hostFlags, listenFlag, networkFlags, opsListenFlag } from "../settings.ts"
import { SettingsError } from "../SettingsError.ts"

const refuse = (message: string) => Effect.fail(new SettingsError({ message }))

const readPem = (name: string, path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.mapError((error) =>
      new SettingsError({ message: `--${name} ${path} cannot be read: ${error.reason._tag}.` })
    )
  )

const tlsPair = Effect.fnUntraced(function*(cert: Option.Option<string>, key: Option.Option<string>) {
  if (Option.isNone(cert) && Option.isNone(key)) return undefined
  if (Option.isNone(cert) || Option.isNone(key)) {
    return yield* refuse("--tls-cert and --tls-key go together: one of them is missing.")
  }
  const pair: TlsPair = { cert: yield* readPem("tls-cert", cert.value), key: yield* readPem("tls-key", key.value) }
  const { createSecureContext } = yield* Effect.promise(() => import("node:tls"))
  yield* Effect.try({
    try: () => createSecureContext(pair),
    catch: () => new SettingsError({ message: "--tls-cert and --tls-key are no certificate and its key." })
  })
  return pair
})

/** How callers prove who they are; fails where that is not said, or not safe. */
const authorizationOf = Effect.fnUntraced(function*(settings: {
  readonly auth: Option.Option<"kubernetes" | "token-file" | "none">
  readonly tokenFile: Option.Option<string>
  readonly authorization: "rbac" | "authenticated"
  readonly insecureNoAuth: boolean
  readonly loopback: boolean
}): Effect.fn.Return<Layer.Layer<Authorization, SettingsError>, SettingsError, FileSystem.FileSystem> {
  if (Option.isNone(settings.auth)) return yield* refuse("--auth must be said: token-file or none.")
  switch (settings.auth.value) {
    case "kubernetes":
      return yield* refuse("--auth kubernetes comes with the cluster server; this release knows token-file and none.")
    case "none":
      if (!settings.loopback && !settings.insecureNoAuth) {
        return yield* refuse(
          "--auth none beyond loopback shows all cores to everyone there: it needs --insecure-no-auth."
        )
      }
      return layerNoAuthorization
    case "token-file": {
      if (settings.authorization === "rbac") {
        return yield* refuse("--authorization rbac needs --auth kubernetes; with a token file it is authenticated.")
      }
      if (Option.isNone(settings.tokenFile)) return yield* refuse("--auth token-file needs --token-file FILE.")
      const fs = yield* FileSystem.FileSystem
      return layerTokenAuthorization.pipe(
        Layer.provide(layerTokenFile(settings.tokenFile.value)),
        Layer.provide(Layer.succeed(FileSystem.FileSystem, fs))
      )
    }
  }
})

const flags = {
  listen: listenFlag("0.0.0.0:5001", "Address"),
  opsListen: opsListenFlag("0.0.0.0:8081"),
  ...networkFlags,
  ...commonFlags,
  ...hostFlags
}

/** See the module's text. */
export const node = Command.make(
  "node",
  flags,
  Effect.fnUntraced(function*({ auth, authorization, insecureHttp, insecureNoAuth, tokenFile, ...settings }) {
    const listen = yield* listenAddress("listen", settings.listen)
    const tls = yield* tlsPair(settings.tlsCert, settings.tlsKey)
    if (tls === undefined && !listen.loopback && !insecureHttp) {
      return yield* refuse(
        "Beyond loopback this server speaks TLS: give --tls-cert and --tls-key, or allow plain HTTP with --insecure-http."
      )
    }
    return yield* Layer.launch(layerHostServer(settings, {
      listen,
      ...(Option.isSome(settings.opsListen)
        ? { opsListen: yield* listenAddress("ops-listen", settings.opsListen.value) }
        : {}),
      ...(tls === undefined ? {} : { tls }),
      // Without tokens a web page could be the caller, unless it was said that everyone may be.
      ...(Option.contains(auth, "none") && !insecureNoAuth && !("path" in listen) ? { extra: layerLoopbackOnly } : {}),
      authorization: yield* authorizationOf({
        auth,
        authorization,
        tokenFile,
        insecureNoAuth,
        loopback: listen.loopback
      })
    }))
  })
).pipe(Command.withDescription("Serve this host's cores to callers with tokens"))
