/** Where the cores come from: a server, or this host. */
import { layerRemoteCoreSource } from "@koredump/client/effect"
import { layerNodeHttp } from "@koredump/client/node"
import { CoreSource } from "@koredump/core"
import { Config, Context, Effect, FileSystem, Layer, Option, Redacted, Scope } from "effect"
import { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import { X509Certificate } from "node:crypto"
import type { Connection } from "../commands/root.ts"
import { type Failure, usage } from "../text/CommandError.ts"
import { visible } from "../text/escape.ts"
import { note, type Screen } from "../text/Screen.ts"
import { chooseServer } from "./chooseServer.ts"
import { findToken, isToken } from "./findToken.ts"
import { tokenOnDemand } from "./makeLazyTokenSource.ts"
import { ServerVersion, versionIn } from "./ServerVersion.ts"

/**
 * HTTP that says with `--verbose` what it does. Headers, and with them the token, are never shown; the server's version
 * is written down.
 */
const layerHttp = (url: string, ca: string | undefined, version: ServerVersion) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      client.pipe(
        HttpClient.tapRequest((request) => Effect.logDebug(`${request.method} ${request.url}`)),
        HttpClient.tap((response) => Effect.logDebug(`${response.status} ${response.request.url}`)),
        HttpClient.tap(({ headers }) => Effect.sync(() => void (version.said = versionIn(headers) ?? version.said))),
        HttpClient.tapError((error) => Effect.logDebug(error.message))
      ))
  ).pipe(Layer.provide(layerNodeHttp(url, ca === undefined ? {} : { ca })))

/** The token that was given: on the command line, or in `KOREDUMP_TOKEN`. */
const givenToken = Effect.fnUntraced(function*({ asServiceAccount, token }: Connection) {
  if (Option.isSome(token) && Option.isSome(asServiceAccount)) {
    return yield* usage("Options --token and --as-service-account exclude each other.", "Leave one of them out.")
  }
  // What is said on the command line goes before what stands in the environment.
  if (Option.isSome(asServiceAccount)) return Option.none()
  const environment = yield* Effect.orDie(Config.option(Config.Redacted("KOREDUMP_TOKEN")))
  const given = Option.filter(Option.orElse(token, () => environment), (token) => Redacted.value(token) !== "")
  if (Option.isSome(given) && !isToken(Redacted.value(given.value))) {
    return yield* usage("The token holds characters that no token can have.", "Is there a line end or a space in it?")
  }
  return given
})

/** The certificates by which the server's is verified; those that Node knows unless said. */
const readCa = Effect.fnUntraced(function*({ certificateAuthority }: Connection) {
  const environment = yield* Effect.orDie(Config.option(Config.String("KOREDUMP_CERTIFICATE_AUTHORITY")))
  const path = Option.getOrElse(Option.orElse(certificateAuthority, () => environment), () => "")
  if (path === "") return undefined
  const fs = yield* FileSystem.FileSystem
  const refuse = (what: string) =>
    usage(`The certificate authority ${visible(path)} ${what}.`, "A file with certificates in PEM is needed.")
  const pem = yield* Effect.mapError(
    fs.readFileString(path),
    ({ reason }) => refuse(`cannot be read: ${reason._tag}`)
  )
  yield* Effect.try({ try: () => new X509Certificate(pem), catch: () => refuse("is no certificate") })
  return pem
})

const layerRemote = (connection: Connection) =>
  Layer.effect(
    CoreSource,
    Effect.gen(function*() {
      const server = yield* chooseServer(connection)
      const given = yield* givenToken(connection)
      const http = yield* Layer.build(layerHttp(server.url, yield* readCa(connection), yield* ServerVersion))
      const scope = yield* Effect.scope
      const sourceWith = (token: { readonly token?: Redacted.Redacted }) =>
        // A person waits: a server that cannot be reached is said at once.
        Layer.build(layerRemoteCoreSource({ url: server.url, retries: 1, ...token })).pipe(
          Effect.map(Context.get(CoreSource)),
          Effect.provide(http),
          Scope.provide(scope)
        )
      if (Option.isSome(given)) return yield* sourceWith({ token: given.value })
      const context = yield* Effect.context<ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Screen>()
      return yield* tokenOnDemand({
        anonymous: yield* sourceWith({}),
        findToken: Effect.provideContext(findToken(connection, server), context),
        withToken: (token) => sourceWith({ token })
      })
    })
  ).pipe(Layer.provideMerge(Layer.sync(ServerVersion, () => ({ said: undefined }))))

const layerLocal = ({ root }: Connection) =>
  Layer.unwrap(Effect.gen(function*() {
    // Those who ask a server need none of this.
    const { layerSystemdCoreSource, SystemdHost } = yield* Effect.promise(() => import("@koredump/node-source"))
    return Layer.effect(
      CoreSource,
      Effect.gen(function*() {
        const host = yield* SystemdHost
        yield* host.ready
        for (const warning of yield* host.warnings) yield* note(visible(warning))
        return yield* CoreSource
      })
    ).pipe(
      Layer.provide(layerSystemdCoreSource(Option.match(root, { onNone: () => ({}), onSome: (root) => ({ root }) })))
    )
  }))

/** The source that the options ask for. */
export const layerSource = (connection: Connection): Layer.Layer<
  CoreSource,
  Failure,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Screen
> => {
  const { local, root, server } = connection
  if (local && Option.isSome(server)) {
    return Layer.effect(CoreSource, usage("Options --local and --server exclude each other.", "Leave one of them out."))
  }
  if (!local && Option.isSome(root)) {
    return Layer.effect(CoreSource, usage("Option --root goes with --local.", "Add --local."))
  }
  return local ? layerLocal(connection) : layerRemote(connection)
}
