import type { CoreRef } from "@koredump/core"
import type { CoreName } from "../client/Koredump.ts"
import { type CallOptions, type KoredumpClient, runOnClient } from "../client/KoredumpClient.ts"
import { downloadCore, type DownloadOptions, type DownloadPaths, type DownloadResult } from "./downloadCore.ts"

/** How to download. */
export type DownloadToOptions = CallOptions & Pick<DownloadOptions, "onProgress" | "sha256">

/**
 * Downloads a core to files: the Promise version of {@link downloadCore}. Resumes an earlier attempt and never overwrites
 * another file. `to` is the path of the stored file, or the paths of the stored and the decompressed file.
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
): Promise<DownloadResult> =>
  runOnClient(
    client,
    downloadCore({
      ref: { node, id: id as CoreRef["id"] },
      ...(typeof to === "string" ? { path: to } : to),
      ...options
    }),
    { signal }
  )
