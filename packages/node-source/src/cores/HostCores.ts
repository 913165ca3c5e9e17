/**
 * The cores of this host: takes what the directory and the journal tell, in any order, and keeps the index in step.
 * Synchronous throughout: once published, a core is visible as soon as it is told.
 */
import { type CoreId, coreIdMicros, type CoreIndex, coreStem, parseCoreId, type UnversionedCore } from "@koredump/core"
import { Option } from "effect"
import type { JournalFacts } from "../journal/JournalEntry.ts"
import type { KnownPod } from "../pods/ResolvedPod.ts"
import { type FileFacts, mergeCore } from "./mergeCore.ts"

// A core may have been compressed, or compressed in another way, after its entry was written.
const extensions = ["", ".zst", ".lz4", ".xz"]

/** What the cores of a host depend on beside the host. */
export interface HostCoresOptions {
  readonly node: string
  readonly maxCores: number
  /** What is still known of a core's pod from an earlier run. By the stem of the core's name. */
  readonly recall: (stem: string) => KnownPod | undefined
  /** Whether the core may be shown at all. */
  readonly shows: (core: UnversionedCore) => boolean
}

/** See the module's text. */
export class HostCores {
  readonly #index: CoreIndex
  readonly #options: HostCoresOptions
  readonly #maxEntries: number
  readonly #files = new Map<string, FileFacts>()
  /** Those of them that cannot be read, and why. */
  readonly #unreadable = new Map<string, string>()
  /** By the stem of the core's name. */
  readonly #entries = new Map<string, JournalFacts>()
  /** By the stem of the core's name. */
  readonly #pods = new Map<string, KnownPod>()
  /** Entries without file that are not shown, and when the crash was (microseconds since 1970). */
  readonly #hidden = new Map<string, number>()
  #bytes = 0
  #published = false

  constructor(index: CoreIndex, options: HostCoresOptions) {
    this.#index = index
    this.#options = options
    this.#maxEntries = Math.ceil(options.maxCores * 1.1)
  }

  /** Bytes that the files take. */
  get bytes(): number {
    return this.#bytes
  }

  /** One of the files that cannot be read, and why; undefined where all can. */
  get unreadable(): string | undefined {
    const [first] = this.#unreadable
    return first === undefined ? undefined : `${first[0]}: ${first[1]}`
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

  /** What is known of the core's pod beside its cgroup. */
  pod(stem: string): KnownPod | undefined {
    return this.#pods.get(stem)
  }

  /** Whether there is a file or an entry. */
  knows(stem: string): boolean {
    return this.#entries.has(stem) || this.#filesOf(stem).length > 0
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
    const stem = coreStem(file.id)
    if (!this.knows(stem)) this.#recall(stem)
    this.#bytes += file.size - (before?.size ?? 0)
    this.#files.set(file.id, file)
    if (file.unreadable === undefined) this.#unreadable.delete(file.id)
    else this.#unreadable.set(file.id, file.unreadable)
    this.#show(stem)
  }

  /** The file is gone, or was never there. */
  removeFile(id: string): void {
    const before = this.#files.get(id)
    if (before === undefined) return
    this.#bytes -= before.size
    this.#files.delete(id)
    this.#unreadable.delete(id)
    const stem = coreStem(id)
    if (!this.knows(stem)) this.#pods.delete(stem)
    this.#show(stem)
  }

  /** The journal tells of a crash, perhaps not for the first time. */
  putEntry(entry: JournalFacts): void {
    const stem = coreStem(entry.id)
    if (this.#entries.get(stem)?.cursor === entry.cursor) return
    if (entry.pod !== undefined && !this.knows(stem)) this.#recall(stem)
    this.#entries.set(stem, entry)
    for (const file of this.#filesOf(stem)) {
      const { xattrs: _, ...facts } = file
      this.#files.set(file.id, facts)
    }
    this.#show(stem)
    if (this.#published && this.#entries.size > this.#maxEntries) this.#forgetEntries(0)
  }

  /** Which pod the core came from has been found out. */
  putPod(stem: string, pod: KnownPod): void {
    if (!this.knows(stem)) return
    this.#pods.set(stem, pod)
    this.#show(stem)
  }

  /** Forgets crashes before `time` (microseconds since 1970) whose core is not there. */
  removeMissingBefore(time: number): void {
    this.#index.removeMissingBefore(time)
    this.#forgetEntries(time)
  }

  #recall(stem: string): void {
    const pod = this.#options.recall(stem)
    if (pod !== undefined) this.#pods.set(stem, pod)
  }

  /**
   * The index is bounded; what it has dropped needs no entry any more. Those that are not shown, and so are in no index,
   * go when the crash was before `time`, and the oldest where they are too many.
   */
  #forgetEntries(time: number): void {
    for (const [stem, { id }] of this.#entries) {
      if (this.#index.get({ node: this.#options.node, id }) || this.#filesOf(stem).length > 0) continue
      if ((this.#hidden.get(stem) ?? -1) < time) this.#forgetEntry(stem)
    }
    for (const stem of this.#hidden.keys()) {
      if (this.#entries.size <= this.#maxEntries) break
      this.#forgetEntry(stem)
    }
  }

  #forgetEntry(stem: string): void {
    this.#entries.delete(stem)
    this.#pods.delete(stem)
    this.#hidden.delete(stem)
  }

  #filesOf(stem: string): ReadonlyArray<FileFacts> {
    return extensions.map((extension) => this.#files.get(stem + extension)).filter((file) => file !== undefined)
  }

  /** Shows each file of the crash as a core; without any, the crash itself as one that is missing. */
  #show(stem: string): void {
    if (!this.#published) return
    const { node, shows } = this.#options
    const entry = this.#entries.get(stem)
    const pod = this.#pods.get(stem)
    const cores = new Map<string, UnversionedCore>()
    for (const file of this.#filesOf(stem)) cores.set(file.id, mergeCore(node, file.id, file, entry, pod))
    this.#hidden.delete(stem)
    if (cores.size === 0 && entry !== undefined) {
      const core = mergeCore(node, entry.id, undefined, entry, pod)
      cores.set(entry.id, core)
      if (!shows(core)) this.#hidden.set(stem, coreIdMicros(Option.getOrThrow(parseCoreId(entry.id))))
    }
    for (const extension of extensions) {
      const id = stem + extension
      const core = cores.get(id)
      if (core === undefined || !shows(core)) this.#index.remove({ node, id: id as CoreId })
      else this.#index.put(core)
    }
  }
}
