import { Option } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import { type CoreRef, refKey } from "../model/CoreId.ts"
import { compileFilter, type CoreFilter } from "./CoreFilter.ts"
import { comparePositions, type CorePosition, decodeContinue, encodeContinue, toPosition } from "./CorePosition.ts"
import type { CoreQuery } from "./CoreQuery.ts"

interface Entry {
  readonly core: CoreSummary
  readonly position: CorePosition
  readonly bytes: number
}

/** A page of cores, and where the next one starts. */
interface CorePage {
  readonly cores: ReadonlyArray<CoreSummary>
  readonly continue?: string
}

/** The index of a position in entries that are ordered, oldest first: where it is, or where it belongs. */
const findIndex = (ordered: ReadonlyArray<Entry>, position: CorePosition): number => {
  let low = 0
  let high = ordered.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (comparePositions(ordered[middle]!.position, position) < 0) low = middle + 1
    else high = middle
  }
  return low
}

const insert = (ordered: Array<Entry>, entry: Entry): void => {
  const last = ordered.at(-1)
  // Cores mostly come in the order of their crashes.
  if (last === undefined || comparePositions(last.position, entry.position) < 0) ordered.push(entry)
  else ordered.splice(findIndex(ordered, entry.position), 0, entry)
}

const remove = (ordered: Array<Entry>, { position }: Entry): void => {
  const index = findIndex(ordered, position)
  if (index === 0) ordered.shift()
  else ordered.splice(index, 1)
}

/** Cores by reference, ordered by the time of the crash. */
export class OrderedCores {
  readonly #byKey = new Map<string, Entry>()
  /** Oldest first. */
  readonly #ordered: Array<Entry> = []
  /** Those of each namespace, oldest first. */
  readonly #byNamespace = new Map<string | undefined, Array<Entry>>()
  /** Those in state `missing`, oldest first. */
  readonly #missing: Array<Entry> = []
  #bytes = 0

  /** Number of cores. */
  get size(): number {
    return this.#byKey.size
  }

  /** Memory of all cores, see `measureCore`. */
  get bytes(): number {
    return this.#bytes
  }

  /** All cores, oldest first. */
  *[Symbol.iterator](): IterableIterator<CoreSummary> {
    for (const { core } of this.#ordered) yield core
  }

  /** The core with this reference. */
  get(ref: CoreRef): CoreSummary | undefined {
    return this.#byKey.get(refKey(ref))?.core
  }

  /** Adds or replaces a core. `bytes` is its memory. Returns the memory of the core that it replaces. */
  set(core: CoreSummary, bytes: number): number {
    const key = refKey(core)
    const before = this.#byKey.get(key)
    if (before !== undefined) this.#removeEntry(before)
    const entry = { core, position: toPosition(core), bytes }
    this.#byKey.set(key, entry)
    insert(this.#ordered, entry)
    const inNamespace = this.#byNamespace.get(core.namespace)
    if (inNamespace === undefined) this.#byNamespace.set(core.namespace, [entry])
    else insert(inNamespace, entry)
    if (core.state === "missing") insert(this.#missing, entry)
    this.#bytes += bytes
    return before?.bytes ?? 0
  }

  /** Deletes a core. Returns it and its memory if it existed. */
  delete(ref: CoreRef): { readonly core: CoreSummary; readonly bytes: number } | undefined {
    const key = refKey(ref)
    const entry = this.#byKey.get(key)
    if (entry === undefined) return undefined
    this.#byKey.delete(key)
    this.#removeEntry(entry)
    return entry
  }

  /** The core to drop first: the oldest one in state `missing`, else the oldest one. */
  findLeastImportant(): CoreSummary | undefined {
    return (this.#missing[0] ?? this.#ordered[0])?.core
  }

  /** The cores in state `missing` that crashed before `time` (microseconds since 1970). */
  findMissingBefore(time: number): ReadonlyArray<CoreSummary> {
    const found: Array<CoreSummary> = []
    for (const { core, position } of this.#missing) {
      if (position.time >= time) break
      found.push(core)
    }
    return found
  }

  /** Up to `limit` cores after a position, oldest first. Undefined: from the start. */
  readAfter(position: CorePosition | undefined, limit: number): ReadonlyArray<CoreSummary> {
    let start = 0
    if (position !== undefined) {
      start = findIndex(this.#ordered, position)
      const found = this.#ordered[start]
      if (found !== undefined && comparePositions(found.position, position) === 0) start += 1
    }
    return this.#ordered.slice(start, start + limit).map(({ core }) => core)
  }

  /** The page of matching cores that the query selects. */
  list(query: CoreQuery): CorePage {
    const candidates = this.#findCandidates(query)
    const entries = query.sort === "size"
      ? candidates
        .map(({ core }) => ({ core, position: toPosition(core, "size") }))
        .toSorted((a, b) => comparePositions(a.position, b.position))
      : candidates
    const start = query.continue === undefined
      ? undefined
      : Option.getOrUndefined(decodeContinue(query, query.continue))
    const limit = query.limit ?? Number.POSITIVE_INFINITY
    const isDescending = query.order === "desc"
    const cores: Array<CoreSummary> = []
    const matches = compileFilter(query)
    let last: CorePosition | undefined
    for (let i = 0; i < entries.length; i++) {
      const { core, position } = entries[isDescending ? entries.length - 1 - i : i]!
      if (start !== undefined) {
        const order = comparePositions(position, start)
        if (isDescending ? order >= 0 : order <= 0) continue
      }
      if (!matches(core)) continue
      if (cores.length === limit && last !== undefined) return { cores, continue: encodeContinue(query, last) }
      cores.push(core)
      last = position
    }
    return { cores }
  }

  /**
   * The cores that can match a filter, oldest first. A filter with IDs and nodes, or with one namespace, needs no search:
   * to read each of many cores from memory takes longer than everything else in a list.
   */
  #findCandidates({ id, namespace, node }: CoreFilter): ReadonlyArray<Entry> {
    if (id !== undefined && node !== undefined) {
      const keys = new Set(node.flatMap((node) => id.map((id) => `${node}/${id}`)))
      return [...keys].flatMap((key) => this.#byKey.get(key) ?? [])
        .toSorted((a, b) => comparePositions(a.position, b.position))
    }
    return namespace?.length === 1 ? this.#byNamespace.get(namespace[0]) ?? [] : this.#ordered
  }

  #removeEntry(entry: Entry): void {
    remove(this.#ordered, entry)
    const { namespace, state } = entry.core
    const inNamespace = this.#byNamespace.get(namespace)!
    if (inNamespace.length === 1) this.#byNamespace.delete(namespace)
    else remove(inNamespace, entry)
    if (state === "missing") remove(this.#missing, entry)
    this.#bytes -= entry.bytes
  }
}
