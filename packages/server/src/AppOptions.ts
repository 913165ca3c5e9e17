import { Context } from "effect"

/** How the app serves its source. */
export interface AppOptions {
  /** The one node that this server serves: paths may leave it out then. */
  readonly node?: string
  /** Downloads at once; beyond it 429. */
  readonly maxDownloads?: number
  /** Watches at once; beyond it 429. */
  readonly maxWatches?: number
}

/** The options of the app at hand. */
export class CurrentAppOptions extends Context.Service<CurrentAppOptions, AppOptions>()(
  "@koredump/server/CurrentAppOptions"
) {}
