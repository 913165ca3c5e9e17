import type { CoreRef } from "@koredump/core"

/** A core to download. */
export interface DownloadTarget extends CoreRef {
  /** The size of the stored file, if a list reported it. */
  readonly size?: number
}
