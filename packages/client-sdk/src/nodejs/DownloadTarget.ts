import type { Effect } from "effect"
import type { DownloadError } from "./DownloadError.ts"

/** A file of a download. */
export interface DownloadedFile {
  readonly path: string
  /** Size in bytes. */
  readonly size: number
  /** Whether the file was there before the download. */
  readonly existed: boolean
}

/** Where the bytes of a download go: a new file, or an existing file that must have the same content. */
export interface DownloadTarget {
  /** Number of bytes from the start that exist already. Write the bytes after them. */
  readonly resumedFrom: number
  /** Whether all bytes are there, so that none need to be written. */
  readonly isComplete: boolean
  /** Reads from the bytes before `resumedFrom`. Returns at most `length` bytes. */
  readonly read: (position: number, length: number) => Effect.Effect<Uint8Array, DownloadError>
  /** Appends bytes. */
  readonly write: (chunks: ReadonlyArray<Uint8Array>) => Effect.Effect<void, DownloadError>
  /** Call it after the last byte. Fails if bytes are missing. */
  readonly finish: Effect.Effect<DownloadedFile, DownloadError>
  /** Deletes the bytes when the scope closes, because the core has changed. */
  readonly discard: Effect.Effect<void>
}

/** Which file a target becomes. */
export interface DownloadTargetOptions {
  readonly path: string
  /** Identifies the bytes: an earlier attempt is resumed only with the same key. 16 hex digits. */
  readonly key: string
  /** Size of the whole file in bytes, if known. */
  readonly size: number | undefined
  /** Modification time in seconds since 1970. */
  readonly modified: number
  /** Size of another file with the same modification time. An existing file of this size does not count as this one. */
  readonly otherSize?: number | undefined
}
