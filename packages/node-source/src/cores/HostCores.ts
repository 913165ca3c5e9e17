import {
  type CoreId,
  coreIdMicros,
  type CoreIndex,
  coreStem,
  measureCore,
  parseCoreId,
  type UnversionedCore
} from "@koredump/core"
import { Option } from "effect"
import type { UnreadableCore } from "../host/HostWarnings.ts"
import type { KnownFiles, StoredFile } from "../host/StoredFile.ts"
import type { JournalEntryInfo } from "../journal/decodeEntry.ts"
import type { ResolvedPod } from "../pods/ResolvedPod.ts"
import { mergeCore } from "./mergeCore.ts"

// A core may be compressed, or compressed in another way, after its journal entry was written.
const extensions = ["", ".zst", ".lz4", ".xz"]

/** Settings of {@link HostCores}. */
interface HostCoresOptions {
  readonly node: string
  /** Maximum number of cores in the index. */
  readonly maxCores: number
  /** Maximum memory of the invisible crashes, see `measureCore`. Default: no limit */
  readonly maxHiddenBytes?: number
  /** Loads the pod that an earlier run has stored for a core, by the stem of its core ID. */
  readonly loadPod: (stem: string) => ResolvedPod | undefined
  /** Whether the core is in the index. */
  readonly isVisible: (core: UnversionedCore) => boolean
}

/** A crash that is not visible. */
interface HiddenCrash {
  /** Microseconds since 1970. */
  readonly time: number
  /** Memory, see `measureCore`. */
  readonly bytes: number
}

/**
 * The cores of this host. Merges files, journal entries and pods, which come in any order, and updates the index.
 * Everything is synchronous: a change is visible as soon as the method returns. Only files without a journal entry wait for
 * `publish`, because most of their entries follow.
 *
 * The limits of the index hold for everything here, at any time: what the index drops is dropped here, too.
 *
 * A stem is a core ID without the extension for its compression. It identifies a crash.
 */
export class HostCores implements KnownFiles {
  readonly #index: CoreIndex
  readonly #options: HostCoresOptions
  readonly #maxEntries: number
  /** By core ID. */
  readonly #files = new Map<string, StoredFile>()
  /** Reasons of the files that are not readable, by core ID. */
  readonly #unreadable = new Map<string, string>()
  /** By stem. */
  readonly #entries = new Map<string, JournalEntryInfo>()
  /** By stem. */
  readonly #pods = new Map<string, ResolvedPod>()
  /** By stem, oldest first. */
  readonly #hidden = new Map<string, HiddenCrash>()
  /** Stems of crashes with a file that are left out because of a limit. The file must not make them `pending` cores. */
  readonly #leftOut = new Set<string>()
  #hiddenBytes = 0
  #bytes = 0
  #isPublished = false

  constructor(index: CoreIndex, options: HostCoresOptions) {
    this.#index = index
    this.#options = options
    this.#maxEntries = Math.ceil(options.maxCores * 1.1)
  }

  /** The size of all files in bytes. */
  get bytes(): number {
    return this.#bytes
  }

  /** An example of a file that is not readable. Undefined if all files are readable. */
  get unreadable(): UnreadableCore | undefined {
    const [first] = this.#unreadable
    return first === undefined ? undefined : { id: first[0], reason: first[1] }
  }

  /** The core file with this ID. */
  file(id: string): StoredFile | undefined {
    return this.#files.get(id)
  }

  /** The names of all core files. */
  fileNames(): IterableIterator<string> {
    return this.#files.keys()
  }

  /** The journal entry of a core, by core ID or stem. */
  entry(id: string): JournalEntryInfo | undefined {
    return this.#entries.get(coreStem(id))
  }

  /** Whether the journal entry of a core is known, by core ID or stem. */
  hasEntry(id: string): boolean {
    return this.entry(id) !== undefined
  }

  /** The resolved pod of a crash. */
  pod(stem: string): ResolvedPod | undefined {
    return this.#pods.get(stem)
  }

  /** Whether the extended attributes of a file are used. */
  needsXattrs(id: string): boolean {
    return !this.hasEntry(id) && !this.#leftOut.has(coreStem(id))
  }

  /** Whether the crash has a file or a journal entry. */
  has(stem: string): boolean {
    return this.#entries.has(stem) || this.#getFiles(stem).length > 0
  }

  /** All files and the present journal have been read: the files without an entry are cores, too. */
  publish(): void {
    if (this.#isPublished) return
    this.#isPublished = true
    for (const id of this.#files.keys()) if (!this.hasEntry(id)) this.#updateIndex(coreStem(id))
  }

  /** The index has dropped this core because of a limit. */
  onEvicted(id: CoreId): void {
    const stem = coreStem(id)
    const isIndexed = extensions.some((extension) =>
      this.#index.get({ node: this.#options.node, id: (stem + extension) as CoreId }) !== undefined
    )
    if (!isIndexed) this.#leaveOut(stem)
  }

  /** Adds or replaces a file. */
  putFile(file: StoredFile): void {
    const before = this.#files.get(file.id)
    if (before === file) return
    const stem = coreStem(file.id)
    if (!this.has(stem)) this.#loadPod(stem)
    this.#bytes += file.size - (before?.size ?? 0)
    this.#files.set(file.id, file)
    if (file.unreadable === undefined) this.#unreadable.delete(file.id)
    else this.#unreadable.set(file.id, file.unreadable)
    this.#updateIndex(stem)
  }

  /** Removes a file. Does nothing if the file is unknown. */
  removeFile(id: string): void {
    const before = this.#files.get(id)
    if (before === undefined) return
    this.#bytes -= before.size
    this.#files.delete(id)
    this.#unreadable.delete(id)
    const stem = coreStem(id)
    if (!this.has(stem)) this.#removeEntry(stem)
    this.#updateIndex(stem)
  }

  /** Adds or replaces a journal entry. Does nothing if it is known. */
  putEntry(entry: JournalEntryInfo): void {
    const stem = coreStem(entry.id)
    if (this.#entries.get(stem)?.cursor === entry.cursor) return
    if (entry.pod !== undefined && !this.has(stem)) this.#loadPod(stem)
    // Until `publish`, nothing of a new crash is in the index.
    const isNew = !this.#isPublished && !this.#entries.has(stem)
    this.#leftOut.delete(stem)
    this.#entries.set(stem, entry)
    // The entry has the fields of the extended attributes, too.
    for (const { xattrs: _, ...file } of this.#getFiles(stem)) this.#files.set(file.id, file)
    this.#updateIndex(stem, isNew)
  }

  /** Sets the pod of a crash. Does nothing if the crash is unknown. */
  putPod(stem: string, pod: ResolvedPod): void {
    if (!this.has(stem)) return
    this.#pods.set(stem, pod)
    this.#updateIndex(stem)
  }

  /** Removes crashes without a file that are older than `time` (microseconds since 1970). */
  removeMissingBefore(time: number): void {
    for (const { id } of this.#index.removeMissingBefore(time)) this.#removeEntry(coreStem(id))
    for (const [stem, hidden] of this.#hidden) {
      if (hidden.time < time && this.#getFiles(stem).length === 0) this.#removeEntry(stem)
    }
  }

  #loadPod(stem: string): void {
    const pod = this.#options.loadPod(stem)
    if (pod !== undefined) this.#pods.set(stem, pod)
  }

  /** Forgets everything about a crash except that its files exist. */
  #leaveOut(stem: string): void {
    this.#removeEntry(stem)
    for (const { xattrs: _, ...file } of this.#getFiles(stem)) {
      this.#files.set(file.id, file)
      this.#leftOut.add(stem)
    }
  }

  #removeEntry(stem: string): void {
    this.#entries.delete(stem)
    this.#pods.delete(stem)
    this.#leftOut.delete(stem)
    this.#unhide(stem)
  }

  #unhide(stem: string): void {
    this.#hiddenBytes -= this.#hidden.get(stem)?.bytes ?? 0
    this.#hidden.delete(stem)
  }

  #hide(stem: string, core: UnversionedCore): void {
    const hidden = {
      time: coreIdMicros(Option.getOrThrow(parseCoreId(core.id))),
      bytes: measureCore(core)
    }
    this.#hidden.set(stem, hidden)
    this.#hiddenBytes += hidden.bytes
    const { maxHiddenBytes = Number.POSITIVE_INFINITY } = this.#options
    for (const oldest of this.#hidden.keys()) {
      if (this.#hiddenBytes <= maxHiddenBytes && this.#entries.size <= this.#maxEntries) break
      this.#leaveOut(oldest)
    }
  }

  #getFiles(stem: string): ReadonlyArray<StoredFile> {
    const files: Array<StoredFile> = []
    for (const extension of extensions) {
      const file = this.#files.get(stem + extension)
      if (file !== undefined) files.push(file)
    }
    return files
  }

  /** Each file of the crash is a core in the index. Without a file, the entry is a core with state `missing`. */
  #updateIndex(stem: string, isNew = false): void {
    if (this.#leftOut.has(stem)) return
    const { isVisible, node } = this.#options
    const entry = this.#entries.get(stem)
    if (entry === undefined && !this.#isPublished) return
    const pod = this.#pods.get(stem)
    const cores = this.#getFiles(stem).map((file) => mergeCore({ node, id: file.id, file, entry, pod }))
    if (cores.length === 0 && entry !== undefined) cores.push(mergeCore({ node, id: entry.id, entry, pod }))
    const visible = cores.filter(isVisible)
    for (const extension of isNew ? [] : extensions) {
      const id = (stem + extension) as CoreId
      if (!visible.some((core) => core.id === id)) this.#index.remove({ node, id })
    }
    this.#unhide(stem)
    const hidden = visible.length === 0 && entry !== undefined ? cores[0] : undefined
    if (hidden !== undefined) this.#hide(stem, hidden)
    for (const core of visible) this.#index.put(core)
  }
}
