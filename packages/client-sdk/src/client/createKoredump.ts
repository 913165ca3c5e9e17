import { Layer } from "effect"
import { FetchHttpClient, HttpClient } from "effect/http"
import type { RemoteOptions } from "../connection/RemoteOptions.ts"
import { layerRemoteCoreSource } from "../source/RemoteCoreSource.ts"
import { Koredump } from "./Koredump.ts"
import { type KoredumpClient, makeKoredumpClient } from "./KoredumpClient.ts"

/** How to reach a koredump server. */
export interface KoredumpOptions extends RemoteOptions {
  /** Default: the global `fetch` */
  readonly fetch?: typeof globalThis.fetch | undefined
}

/**
 * Creates a client of the server at `options.url`. The client connects when you call a method. If the URL is invalid,
 * its methods reject with a `TypeError`.
 *
 * ```ts
 * const koredump = createKoredump({ url: "http://127.0.0.1:5000" })
 * const { cores } = await koredump.list({ since: "1h", signal: "SIGSEGV" })
 * await koredump.close()
 * ```
 */
export const createKoredump = ({ fetch, ...options }: KoredumpOptions): KoredumpClient =>
  makeKoredumpClient(
    Koredump.layerNoDeps.pipe(
      Layer.provideMerge(layerRemoteCoreSource(options)),
      Layer.provide(FetchHttpClient.layer),
      // There is no tracer here, and its headers would make browsers send CORS preflight requests.
      Layer.provide(Layer.succeed(HttpClient.TracerPropagationEnabled, false)),
      Layer.provide(fetch === undefined ? Layer.empty : Layer.succeed(FetchHttpClient.Fetch, fetch))
    )
  )
