/** Fake koredump servers, for responses that a real server does not send. */
import { layerRemoteCoreSource, type RemoteOptions } from "@koredump/client/effect"
import { type CoreRef, CoreSource, type CoreSummary } from "@koredump/core"
import { Effect, Layer, type Scope } from "effect"
import { FetchHttpClient } from "effect/http"
import type { ServerResponse } from "node:http"
import { type Handler, serve } from "./httpServer.ts"

export { type Handler, serve }

/** Runs an operation on the `CoreSource` of a server with this handler. Without retries by default. */
export const withServer = <A, E>(
  handler: Handler,
  operation: (source: CoreSource["Service"]) => Effect.Effect<A, E, Scope.Scope>,
  options: Partial<RemoteOptions> = {}
) =>
  Effect.scoped(CoreSource.use(operation)).pipe(
    Effect.provide(
      Layer.unwrap(Effect.map(serve(handler), (url) => layerRemoteCoreSource({ url, retries: 0, ...options }))).pipe(
        Layer.provide(FetchHttpClient.layer)
      )
    )
  )

/** Sends a JSON response. */
export const json = (response: ServerResponse, body: unknown, status = 200, headers: Record<string, string> = {}) =>
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))

/** A core. */
export const ref: CoreRef = {
  node: "node-1",
  id: "core.crashme.0.0123456789abcdef0123456789abcdef.4242.1700000000000000" as CoreRef["id"]
}

/** The summary of that core. */
export const summary: CoreSummary = {
  ...ref,
  state: "present",
  compression: "none",
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
  resourceVersion: "a-1"
}

/** The `ETag` header of that core. */
export const etag = "\"bytes-1\""

/** The `Last-Modified` header of that core. */
export const lastModified = "Tue, 14 Nov 2023 22:13:20 GMT"

/**
 * A handler that serves `content` as one core, with ranges and conditions, and the log of its requests (`GET 0`: method
 * and start of the range). `cut` may return the number of bytes after which a response breaks off.
 */
export const makeCoreHandler = (
  content: Uint8Array,
  cut: (request: { readonly start: number; readonly count: number }) => number | undefined = () => undefined
) => {
  const requests: Array<string> = []
  const handler: Handler = (request, response) => {
    const match = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "")
    const [start, end] = match === null ? [0, content.length] : [Number(match[1]), Number(match[2]) + 1]
    requests.push(`${request.method} ${start}`)
    const headers = { etag, "last-modified": lastModified, "content-length": String(end - start) }
    if (request.method === "HEAD") return response.writeHead(200, headers).end()
    const ifMatch = request.headers["if-match"]
    if (ifMatch !== undefined && ifMatch !== etag) return response.writeHead(412).end()
    response.writeHead(
      match === null ? 200 : 206,
      match === null ? headers : { ...headers, "content-range": `bytes ${start}-${end - 1}/${content.length}` }
    )
    const bytes = cut({ start, count: requests.filter((line) => line.startsWith("GET")).length })
    if (bytes === undefined) return response.end(content.subarray(start, end))
    response.write(content.subarray(start, start + bytes), () => setImmediate(() => response.destroy()))
  }
  return { handler, requests }
}

/** Waits for a condition that real I/O makes true. */
export const waitUntil = (condition: () => boolean) =>
  Effect.promise(async () => {
    while (!condition()) await new Promise((resolve) => setImmediate(resolve))
  })
