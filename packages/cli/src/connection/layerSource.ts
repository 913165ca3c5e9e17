import { layerRemoteCoreSource } from "@koredump/client/effect"
import { layerNodeHttp } from "@koredump/client/node"
import { CoreSource, isBearerToken } from "@koredump/core"
import { Config, Context, Effect, FileSystem, Layer, Option, Redacted, Scope } from "effect"
import { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import { X509Certificate } from "node:crypto"
import { type CommandError, usage } from "../text/CommandError.ts"
import { describeFileError } from "../text/describeFileError.ts"
import { escapeHidden } from "../text/escape.ts"
import { printNotice } from "../text/messages.ts"
import type { Screen } from "../text/Screen.ts"
import { toSentence } from "../text/sentence.ts"
import { chooseServer } from "./chooseServer.ts"
import type { Connection } from "./Connection.ts"
import { findToken } from "./findToken.ts"
import { makeLazyTokenSource } from "./makeLazyTokenSource.ts"
import { parseServerVersion, ServerVersion } from "./ServerVersion.ts"

/**
 * An HTTP client that records the server's version, and with `--verbose` logs each request. It never logs headers,
 * because they contain the token.
 */
const layerHttp = (url: string, ca: string | undefined, version: ServerVersion) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      client.pipe(
        HttpClient.tapRequest((request) => Effect.logDebug(`${request.method} ${request.url}`)),
        HttpClient.tap((response) => Effect.logDebug(`${response.status} ${response.request.url}`)),
        HttpClient.tap(({ headers }) =>
          Effect.sync(() => void (version.reported = parseServerVersion(headers) ?? version.reported))
        ),
        HttpClient.tapError((error) => Effect.logDebug(error.message))
      ))
  ).pipe(Layer.provide(layerNodeHttp(url, ca === undefined ? {} : { ca })))

/** The token from the command line or `KOREDUMP_TOKEN`. */
const readGivenToken = Effect.fnUntraced(function*({ asServiceAccount, token }: Connection) {
  if (Option.isSome(token) && Option.isSome(asServiceAccount)) {
    return yield* usage("Flags --token and --as-service-account cannot be combined.", "Remove one of them.")
  }
  // The command line takes precedence over the environment.
  if (Option.isSome(asServiceAccount)) return Option.none()
  const environment = yield* Effect.orDie(Config.option(Config.Redacted("KOREDUMP_TOKEN")))
  const given = Option.filter(Option.orElse(token, () => environment), (token) => Redacted.value(token) !== "")
  if (Option.isSome(given) && !isBearerToken(Redacted.value(given.value))) {
    return yield* usage(
      "Invalid token: it contains characters that are not allowed, or is too long.",
      "Check the token for spaces and line breaks."
    )
  }
  return given
})

/** The CA certificates of the server in PEM format. Undefined: those of Node.js. */
const readCa = Effect.fnUntraced(function*({ certificateAuthority }: Connection) {
  const environment = yield* Effect.orDie(Config.option(Config.String("KOREDUMP_CERTIFICATE_AUTHORITY")))
  const path = Option.getOrElse(Option.orElse(certificateAuthority, () => environment), () => "")
  if (path === "") return undefined
  const fs = yield* FileSystem.FileSystem
  const hint = "Pass a file with certificates in PEM format."
  const pem = yield* Effect.mapError(
    fs.readFileString(path),
    (error) => usage(`Cannot read the CA file ${escapeHidden(path)}: ${describeFileError(error)}.`, hint)
  )
  yield* Effect.try({
    try: () => new X509Certificate(pem),
    catch: () => usage(`The CA file ${escapeHidden(path)} contains no valid certificate.`, hint)
  })
  return pem
})

const layerRemote = (connection: Connection) =>
  Layer.effect(
    CoreSource,
    Effect.gen(function*() {
      const server = yield* chooseServer(connection)
      const given = yield* readGivenToken(connection)
      const http = yield* Layer.build(layerHttp(server.url, yield* readCa(connection), yield* ServerVersion))
      const scope = yield* Effect.scope
      const makeSource = (token: { readonly token?: Redacted.Redacted }) =>
        // One retry only, because a person waits for the result.
        Layer.build(layerRemoteCoreSource({ url: server.url, retries: 1, ...token })).pipe(
          Effect.map(Context.get(CoreSource)),
          Effect.provide(http),
          Scope.provide(scope)
        )
      if (Option.isSome(given)) return yield* makeSource({ token: given.value })
      const context = yield* Effect.context<ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Screen>()
      return yield* makeLazyTokenSource({
        anonymous: yield* makeSource({}),
        findToken: Effect.provideContext(findToken(connection, server), context),
        withToken: (token) => makeSource({ token })
      })
    })
  ).pipe(Layer.provideMerge(Layer.sync(ServerVersion, () => ({ reported: undefined }))))

const layerLocal = ({ root }: Connection) =>
  Layer.unwrap(Effect.gen(function*() {
    // Loaded on demand: not needed with a server.
    const { layerSystemdCoreSource, SystemdHost } = yield* Effect.promise(() => import("@koredump/node-source"))
    return Layer.effect(
      CoreSource,
      Effect.gen(function*() {
        const host = yield* SystemdHost
        yield* host.ready
        for (const warning of yield* host.warnings) yield* printNotice(toSentence(escapeHidden(warning)))
        return yield* CoreSource
      })
    ).pipe(
      Layer.provide(layerSystemdCoreSource(Option.match(root, { onNone: () => ({}), onSome: (root) => ({ root }) })))
    )
  }))

/** The source of the cores: a server, or with `--local` this host. */
export const layerSource = (connection: Connection): Layer.Layer<
  CoreSource,
  CommandError,
  ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem | Screen
> => {
  const { local, root, server } = connection
  if (local && Option.isSome(server)) {
    return Layer.effect(CoreSource, usage("Flags --local and --server cannot be combined.", "Remove one of them."))
  }
  if (!local && Option.isSome(root)) {
    return Layer.effect(CoreSource, usage("Flag --root requires --local.", "Add --local."))
  }
  return local ? layerLocal(connection) : layerRemote(connection)
}
