import {
  type ChangesOptions,
  type CoreEvent,
  type CoreList,
  CoreMetadata,
  CoreSource,
  CoreSummary,
  encodeCoreQuery,
  NodeStatus,
  type Problem
} from "@koredump/core"
import { Effect, Layer, Schema, Stream } from "effect"
import type { HttpClient, HttpClientResponse } from "effect/http"
import type { RemoteOptions } from "../connection/RemoteOptions.ts"
import type { ReadBody } from "../connection/responseBody.ts"
import type { ResponseLimits } from "../connection/responseLimits.ts"
import { makeServerConnection, type ServerConnection } from "../connection/ServerConnection.ts"
import { decodeWatchEvents } from "./decodeWatchEvents.ts"
import { openRemoteCore } from "./openRemoteCore.ts"
import { corePath, urls, withQuery } from "./urls.ts"

type Headers = HttpClientResponse.HttpClientResponse["headers"]

/** `</apiv1/cores?…&continue=X>; rel="next"` → `X` */
const parseContinue = (headers: Headers): string | undefined => {
  const target = /<([^<>]*)>\s*;\s*rel="?next"?/.exec(headers["link"] ?? "")?.[1]
  if (target === undefined) return undefined
  return new URLSearchParams(target.slice(target.indexOf("?") + 1)).get("continue") ?? undefined
}

const toCoreList = (cores: ReadonlyArray<CoreSummary>, headers: Headers): CoreList => {
  const next = parseContinue(headers)
  return {
    cores,
    resourceVersion: headers["koredump-resource-version"] ?? "",
    unreachable: (headers["koredump-unreachable"] ?? "").split(",").map((name) => name.trim()).filter((name) =>
      name !== ""
    ),
    ...(next === undefined ? {} : { continue: next })
  }
}

const watchChanges =
  (connection: ServerConnection) => (options: ChangesOptions = {}): Stream.Stream<CoreEvent, Problem> => {
    const params = encodeCoreQuery(options.filter ?? {})
    if (options.since !== undefined) params.set("resourceVersion", options.since)
    return connection.send({
      path: withQuery(urls.cores.watch({ query: {} }), params),
      headers: { accept: "application/x-ndjson" }
    }).pipe(
      Effect.map((response) => decodeWatchEvents(connection)(connection.body(response, connection.watchIdleTimeout))),
      Stream.unwrap,
      Stream.scoped
    )
  }

const Cores = Schema.Array(CoreSummary)
const Nodes = Schema.Array(NodeStatus)
const Empty = Schema.Struct({})

/**
 * The cores of the server at `options.url`. With `readBody`, opened files have a `reader`; it must belong to the
 * `HttpClient` in the context. `limits` replaces those for a server that a user has chosen. Dies with a `TypeError` if the URL is invalid.
 */
export const makeRemoteCoreSource = Effect.fnUntraced(function*(
  options: RemoteOptions,
  readBody?: ReadBody,
  limits?: ResponseLimits
) {
  const connection = yield* makeServerConnection(options, limits, readBody)

  return CoreSource.of({
    list: Effect.fn("RemoteCoreSource.list")((query) =>
      Effect.map(
        connection.json(
          { kind: "list", path: withQuery(urls.cores.list({ query: {} }), encodeCoreQuery(query)) },
          Cores
        ),
        ([cores, headers]) => toCoreList(cores, headers)
      )
    ),
    get: Effect.fn("RemoteCoreSource.get")((ref) =>
      corePath(ref, (params) => urls.cores.metadata({ params })).pipe(
        Effect.flatMap((path) => connection.json({ kind: "metadata", path }, CoreMetadata)),
        Effect.map(([metadata]) => metadata)
      )
    ),
    open: openRemoteCore(connection),
    remove: Effect.fn("RemoteCoreSource.remove")((ref) =>
      corePath(ref, (params) => urls.cores.delete({ params })).pipe(
        Effect.flatMap((path) => connection.json({ kind: "empty", method: "DELETE", path }, Empty)),
        Effect.asVoid
      )
    ),
    changes: watchChanges(connection),
    nodes: Effect.map(connection.json({ kind: "nodes", path: urls.nodes.list() }, Nodes), ([nodes]) => nodes)
  })
})

/**
 * A `CoreSource` of the cores of the server at `options.url`. Reads are retried if the server is unreachable or busy.
 * `changes` does not reconnect: use `watchCores` for that. Dies with a `TypeError` if the URL is invalid.
 */
export const layerRemoteCoreSource = (
  options: RemoteOptions
): Layer.Layer<CoreSource, never, HttpClient.HttpClient> => Layer.effect(CoreSource, makeRemoteCoreSource(options))
