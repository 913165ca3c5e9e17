/** koredump's client: Promises, in Node, Bun, Deno and browsers. */
import { Layer } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import { Koredump } from "./Koredump.ts"
import { type KoredumpClient, makeKoredumpClient } from "./KoredumpClient.ts"
import { layerRemoteCoreSource } from "./RemoteCoreSource.ts"
import type { RemoteOptions } from "./Transport.ts"

export type { CoresFilter, CoresQuery } from "./CoresQuery.ts"
export type { CoreName, DownloadFacts, DownloadQuery, WatchQuery } from "./Koredump.ts"
export type { CallOptions, Download, KoredumpClient } from "./KoredumpClient.ts"
export { safeFileName } from "./safeFileName.ts"
export type { RemoteOptions } from "./Transport.ts"

/** How to reach a koredump server. */
export interface KoredumpOptions extends RemoteOptions {
  /** Used in place of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/**
 * A client of the server at `options.url`.
 *
 * ```ts
 * await using koredump = createKoredump({ url: "http://127.0.0.1:5000" })
 * const { cores } = await koredump.list({ since: "1h", signal: "SIGSEGV" })
 * ```
 */
export const createKoredump = ({ fetch, ...options }: KoredumpOptions): KoredumpClient =>
  makeKoredumpClient(
    Koredump.layerNoDeps.pipe(
      Layer.provideMerge(layerRemoteCoreSource(options)),
      Layer.provide(FetchHttpClient.layer),
      // No tracer is here, and a browser would have to ask the server for leave to send its headers.
      Layer.provide(Layer.succeed(HttpClient.TracerPropagationEnabled, false)),
      Layer.provide(fetch === undefined ? Layer.empty : Layer.succeed(FetchHttpClient.Fetch, fetch))
    )
  )
