/**
 * The cores of this host: takes what the directory and the journal tell, in any order, and keeps the index in step.
 * Synchronous throughout: once published, a core is visible as soon as it is told.
 */
import { type CoreId, type CoreIndex, coreStem, type UnversionedCore } from "@koredump/core"
import type { JournalFacts } from "./JournalEntry.ts"
import { type FileFacts, mergeCore } from "./merge.ts"

// A core may have been compressed, or compressed in another way, after its entry was written.
const extensions = ["", ".zst", ".lz4", ".xz"]

/** See the module's text. */
export class HostCores {
  readonly #index: CoreIndex
  readonly #node: string
  readonly #maxEntries: number
  readonly #files = new Map<string, FileFacts>()
  /** By the stem of the core's name. */
  readonly #entries = new Map<string, JournalFacts>()
  #bytes = 0
  #published = false

  constructor(index: CoreIndex, node: string, maxCores: number) {
    this.#index = index
    this.#node = node
    this.#maxEntries = Math.ceil(maxCores * 1.1)
  }

  /** Bytes that the files take. */
  get bytes(): number {
    return this.#bytes
  }

  file(id: string): FileFacts | undefined {
    return this.#files.get(id)
  }

  fileNames(): IterableIterator<string> {
    return this.#files.keys()
  }

  entry(id: string): JournalFacts | undefined {
    return this.#entries.get(coreStem(id))
  }

  /** Shows what has been told so far, and from now on everything at once. */
  publish(): void {
    if (this.#published) return
    this.#published = true
    for (const stem of this.#entries.keys()) this.#show(stem)
    for (const id of this.#files.keys()) if (this.entry(id) === undefined) this.#show(coreStem(id))
  }

  /** The file is there, or has changed. */
  putFile(file: FileFacts): void {
    const before = this.#files.get(file.id)
    if (before === file) return
    this.#bytes += file.size - (before?.size ?? 0)
    this.#files.set(file.id, file)
    this.#show(coreStem(file.id))
  }

  /** The file is gone, or was never there. */
  removeFile(id: string): void {
    const before = this.#files.get(id)
    if (before === undefined) return
    this.#bytes -= before.size
    this.#files.delete(id)
    this.#show(coreStem(id))
  }

  /** The journal tells of a crash, perhaps not for the first time. */
  putEntry(entry: JournalFacts): void {
    const stem = coreStem(entry.id)
    if (this.#entries.get(stem)?.cursor === entry.cursor) return
    this.#entries.set(stem, entry)
    for (const file of this.#filesOf(stem)) {
      const { xattrs: _, ...facts } = file
      this.#files.set(file.id, facts)
    }
    this.#show(stem)
    if (this.#published && this.#entries.size > this.#maxEntries) this.#forgetEntries()
  }

  /** Forgets crashes before `time` (microseconds since 1970) whose core is not there. */
  removeMissingBefore(time: number): void {
    this.#index.removeMissingBefore(time)
    this.#forgetEntries()
  }

  /** The index is bounded; what it has dropped needs no entry any more. */
  #forgetEntries(): void {
    for (const [stem, { id }] of this.#entries) {
      if (!this.#index.get({ node: this.#node, id }) && this.#filesOf(stem).length === 0) this.#entries.delete(stem)
    }
  }

  #filesOf(stem: string): ReadonlyArray<FileFacts> {
    return extensions.map((extension) => this.#files.get(stem + extension)).filter((file) => file !== undefined)
  }

  /** Shows each file of the crash as a core; without any, the crash itself as one that is missing. */
  #show(stem: string): void {
    if (!this.#published) return
    const entry = this.#entries.get(stem)
    const cores = new Map<string, UnversionedCore>()
    for (const file of this.#filesOf(stem)) cores.set(file.id, mergeCore(this.#node, file.id, file, entry))
    if (cores.size === 0 && entry !== undefined) {
      cores.set(entry.id, mergeCore(this.#node, entry.id, undefined, entry))
    }
    for (const extension of extensions) {
      const id = stem + extension
      const core = cores.get(id)
      if (core === undefined) this.#index.remove({ node: this.#node, id: id as CoreId })
      else this.#index.put(core)
    }
  }
}
