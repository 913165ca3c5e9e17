import { Context } from "effect"

/** Options of the app. */
export interface AppOptions {
  /** The name of the node, for a server of one node. Paths can then omit it. */
  readonly node?: string
  /** Maximum concurrent downloads. More are answered with 429. Default: 64. */
  readonly maxDownloads?: number
  /** Maximum concurrent watches. More are answered with 429. Default: 1000. */
  readonly maxWatches?: number
}

/** The options of the current app. */
export class CurrentAppOptions extends Context.Service<CurrentAppOptions, AppOptions>()(
  "@koredump/server/CurrentAppOptions"
) {}
