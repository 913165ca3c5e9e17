import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type { Layer } from "effect"
import type { HttpClient } from "effect/http"

/** TLS options. */
export interface NodeHttpOptions {
  /** CA certificates (PEM) that verify the server's certificate. Default: those of Node.js */
  readonly ca?: string
}

/**
 * An `HttpClient` for the server at `url`: `http://…`, `https://…`, or `unix:PATH`. It is the HTTP client of Node.js:
 * compared with `fetch`, it starts faster, needs less memory for large downloads, and supports Unix sockets. It does not
 * follow redirects.
 */
export const layerNodeHttp = (
  url: string | URL,
  options: NodeHttpOptions = {}
): Layer.Layer<HttpClient.HttpClient> => {
  const text = String(url)
  return NodeHttpClient.layerNodeHttpOptions({
    ...options,
    ...(text.startsWith("unix:") ? { socketPath: text.slice("unix:".length) } : {})
  })
}
