import type { Problem } from "@koredump/core"
import type { Duration, Effect, Redacted } from "effect"

/** How to reach a koredump server. */
export interface RemoteOptions {
  /**
   * `http://…` or `https://…`, with a path if a proxy serves koredump below one. `unix:PATH` works with `layerNodeHttp`.
   */
  readonly url: string | URL
  /**
   * Bearer token, or a function or Effect that returns the current one. It is called before each attempt, because
   * Kubernetes tokens expire. The token is sent to this server only: redirects are errors. An empty string means no token.
   */
  readonly token?:
    | string
    | Redacted.Redacted
    | (() => string | Promise<string>)
    | Effect.Effect<Redacted.Redacted, Problem>
  /** Additional headers for every request. */
  readonly headers?: Readonly<Record<string, string>>
  /**
   * How often to retry a read if the server is unreachable, not ready or busy. Other requests are never retried.
   * Default: 3
   */
  readonly retries?: number
  /** Longest `Retry-After` to wait for. If the server requests more, the request fails immediately. Default: 30 seconds */
  readonly maxRetryAfter?: Duration.Input
  /** Timeout from the start of a request until its response headers. Default: 30 seconds */
  readonly timeout?: Duration.Input
  /** Longest time without data in a response body. Default: 60 seconds */
  readonly idleTimeout?: Duration.Input
  /** Longest time without data in a watch, which has heartbeats. Default: `idleTimeout` */
  readonly watchIdleTimeout?: Duration.Input
  /**
   * Largest response that is held in memory: everything but downloads and watches. The metadata of a core has at most
   * 8 MiB. Default: 256 MiB
   */
  readonly maxResponseBytes?: number
}
