/** Node's own HTTP client: starts faster than `fetch`, holds less memory in large downloads, and dials Unix sockets. */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type { Layer } from "effect"
import type { HttpClient } from "effect/http"

/** An `HttpClient` for the server at `url`: `http://…`, `https://…`, or `unix:PATH`. Redirects are not followed. */
export const layerNodeHttp = (url: string | URL): Layer.Layer<HttpClient.HttpClient> => {
  const text = String(url)
  return NodeHttpClient.layerNodeHttpOptions(text.startsWith("unix:") ? { socketPath: text.slice("unix:".length) } : {})
}
