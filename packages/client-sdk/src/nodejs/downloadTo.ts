/** The Promise form of `downloadCore`. */
import type { CoreRef } from "@koredump/core"
import type { CoreName } from "../Koredump.ts"
import { type CallOptions, type KoredumpClient, runOnClient } from "../KoredumpClient.ts"
import { downloadCore, type Downloaded, type DownloadOptions, type DownloadPaths } from "./downloadCore.ts"

/** How to download. */
export type DownloadToOptions = CallOptions & Pick<DownloadOptions, "onProgress" | "sha256">

/**
 * Downloads a core to files, as {@link downloadCore}: atomic, resumable, mode 0600, never over another file. `to` is the
 * path of the stored file, or says where the stored and the decompressed file go.
 *
 * ```ts
 * await downloadTo(koredump, core, safeFileName(core.id))
 * ```
 */
export const downloadTo = (
  client: KoredumpClient,
  { id, node }: CoreName,
  to: string | DownloadPaths,
  { signal, ...options }: DownloadToOptions = {}
): Promise<Downloaded> =>
  runOnClient(
    client,
    downloadCore({
      ref: { node, id: id as CoreRef["id"] },
      ...(typeof to === "string" ? { path: to } : to),
      ...options
    }),
    { signal }
  )
