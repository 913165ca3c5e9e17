/** Where the cores come from: a server, or this host. */
import { layerRemoteCoreSource } from "@koredump/client/effect"
import { layerNodeHttp } from "@koredump/client/node"
import { CoreSource } from "@koredump/core"
import { Config, Effect, type FileSystem, Layer, Option, Redacted } from "effect"
import { HttpClient } from "effect/http"
import type { ChildProcessSpawner } from "effect/process"
import type { Connection } from "./commands/root.ts"
import { type Failure, usage } from "./Failure.ts"
import { note, type Screen } from "./output/Screen.ts"
import { visible } from "./output/text.ts"

/** The old koredumpctl's last resort, and where `koredump-server local` listens. */
const defaultServer = "http://127.0.0.1:5000"

/** The server's URL: `--server`, else `KOREDUMP_SERVER`, else the one that a server on this host has. */
export const serverUrl = (connection: Connection): Effect.Effect<string, Failure> =>
  Effect.gen(function*() {
    const environment = yield* Effect.orDie(Config.option(Config.String("KOREDUMP_SERVER")))
    const text = Option.getOrElse(connection.server, () => Option.getOrElse(environment, () => ""))
    if (text === "") return defaultServer
    if (text.startsWith("unix:/")) return text
    const url = URL.parse(text)
    if (url !== null && url.username + url.password + url.search + url.hash !== "") {
      return yield* usage("The server's URL can have no user, query or fragment.", "A token goes with --token.")
    }
    if (url !== null && (url.protocol === "http:" || url.protocol === "https:")) return text
    return yield* usage(
      `The server's URL must begin with http://, https:// or unix:/, not "${visible(text)}".`,
      `For example: --server ${defaultServer}`
    )
  })

/** HTTP that says with `--verbose` what it does. Headers, and with them the token, are never shown. */
const layerHttp = (url: string) =>
  Layer.effect(
    HttpClient.HttpClient,
    Effect.map(HttpClient.HttpClient, (client) =>
      client.pipe(
        HttpClient.tapRequest((request) => Effect.logDebug(`${request.method} ${request.url}`)),
        HttpClient.tap((response) => Effect.logDebug(`${response.status} ${response.request.url}`)),
        HttpClient.tapError((error) => Effect.logDebug(error.message))
      ))
  ).pipe(Layer.provide(layerNodeHttp(url)))

/** The token to send, if any. One that no header can hold would be shown by the error of whoever tries. */
const bearerToken = (connection: Connection): Effect.Effect<{ readonly token?: Redacted.Redacted }, Failure> => {
  const token = Option.getOrUndefined(connection.token)
  if (token === undefined || Redacted.value(token) === "") return Effect.succeed({})
  return /^[\x21-\x7e]+$/.test(Redacted.value(token))
    ? Effect.succeed({ token })
    : Effect.fail(usage("The token holds characters that no token can have.", "Is there a line end or a space in it?"))
}

const layerRemote = (connection: Connection) =>
  Layer.unwrap(Effect.gen(function*() {
    const url = yield* serverUrl(connection)
    return layerRemoteCoreSource({
      url,
      // A person waits: a server that cannot be reached is said at once.
      retries: 1,
      ...(yield* bearerToken(connection))
    }).pipe(Layer.provide(layerHttp(url)))
  }))

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
