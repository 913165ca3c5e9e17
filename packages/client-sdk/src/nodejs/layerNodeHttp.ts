import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import type { Layer } from "effect"
import type { HttpClient } from "effect/http"

/** TLS options. */
export interface NodeHttpOptions {
  /** CA certificates (PEM) that verify the server's certificate. Default: those of Node.js, and `NODE_EXTRA_CA_CERTS` */
  readonly ca?: string
}

/**
 * An `HttpClient` for the server at `url`: `http://…`, `https://…`, or `unix:PATH`. It is the HTTP client of Node.js:
 * compared with `fetch`, it starts faster, needs less memory for large downloads, and supports Unix sockets. It does not
 * follow redirects, uses no proxy, and always verifies the server's certificate.
 */
export const layerNodeHttp = (
  url: string | URL,
  options: NodeHttpOptions = {}
): Layer.Layer<HttpClient.HttpClient> => {
  const text = String(url)
  return NodeHttpClient.layerNodeHttpOptions({
    ...options,
    // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED does not turn it off: requests contain a token.
    rejectUnauthorized: true,
    ...(text.startsWith("unix:") ? { socketPath: text.slice("unix:".length) } : {})
  })
}
