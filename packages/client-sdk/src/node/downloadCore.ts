/** A core to a file: atomic, resumable, and the very bytes. */
import { type CoreRef, type CoreSource, NodeFailed, type Problem } from "@koredump/core"
import { Effect } from "effect"
import type { DownloadError } from "./DownloadError.ts"

/** How far a download is, in bytes of the stored file. */
export interface DownloadProgress {
  /** There so far, those of an earlier attempt included. */
  readonly received: number
  readonly total: number
  /** What an earlier attempt had left. */
  readonly resumedFrom: number
}

/** Where the files go: the stored file, the core decompressed while it comes, or both from one download. */
export type DownloadPaths =
  | { readonly path: string; readonly decompressedPath?: string | undefined }
  | { readonly path?: undefined; readonly decompressedPath: string }

/** What to download. */
export type DownloadOptions = DownloadPaths & {
  readonly ref: CoreRef
  /** Whether to compute the SHA-256 of the stored file. */
  readonly sha256?: boolean
  /** Called at most ten times a second, and at the end. */
  readonly onProgress?: (progress: DownloadProgress) => void
}

/** A file of a download. */
export interface DownloadedFile {
  readonly path: string
  readonly size: number
  /** Whether it had been there already. */
  readonly existed: boolean
}

/** What was downloaded. */
export interface Downloaded {
  /** The stored file, where one was asked for. */
  readonly stored?: DownloadedFile
  /** The core itself, where it was asked for. */
  readonly decompressed?: DownloadedFile
  readonly etag: string
  readonly resumedFrom: number
  /** SHA-256 of the stored file in hex, where it was asked for. */
  readonly sha256?: string
}

/** Downloads a core to files. */
export const downloadCore: (
  options: DownloadOptions
) => Effect.Effect<Downloaded, Problem | DownloadError, CoreSource> = () =>
  Effect.fail(new NodeFailed({ detail: "not there yet" }))
