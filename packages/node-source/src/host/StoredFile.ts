import type { CoreId, UnversionedCore } from "@koredump/core"

/** A core file on disk. */
export interface StoredFile {
  readonly id: CoreId
  /** Bytes. */
  readonly size: number
  /** Changes when the file changes. */
  readonly version: string
  /** Why the file is not readable. Absent if it is readable. */
  readonly unreadable?: string
  /** Fields from the extended attributes. Read only while the journal entry of the core is unknown. */
  readonly xattrs?: Partial<UnversionedCore>
}

/** The files that have been reported so far: a read-only view for the directory watch. */
export interface KnownFiles {
  readonly file: (name: string) => StoredFile | undefined
  readonly fileNames: () => Iterable<string>
  /** Whether the extended attributes of a file are used: the journal entry of its core is unknown. */
  readonly needsXattrs: (name: string) => boolean
}
