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
  /** Whether the journal entry of this core is known. If it is, extended attributes are not read. */
  readonly hasEntry: (name: string) => boolean
}
