import { Context } from "effect"

/** Options of the app. */
export interface AppOptions {
  /** The name of the node, for a server of one node. Paths can then omit it. */
  readonly node?: string
  /** Maximum concurrent downloads. More are answered with 429. Default: 64, or what the memory limit allows. */
  readonly maxDownloads?: number
  /** Maximum concurrent watches. More are answered with 429. Default: 1000, or what the memory limit allows. */
  readonly maxWatches?: number
  /** Memory that the process can use, in bytes. Requests and connections get a part of it. Default: `detectMemoryLimit` */
  readonly memoryLimit?: number
  /** The part of each limit that one caller can use, above 0 and up to 1. Default: 0.5 */
  readonly callerShare?: number
}

/** The options of the current app. */
export class CurrentAppOptions extends Context.Service<CurrentAppOptions, AppOptions>()(
  "@koredump/server/CurrentAppOptions"
) {}
