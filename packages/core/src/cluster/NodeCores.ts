import type { CoreSummary } from "../model/Core.ts"
import type { CoreEvent } from "../model/CoreEvent.ts"
import type { CoreId, CoreRef } from "../model/CoreId.ts"
import type { CoreIndex } from "../source/CoreIndex.ts"
import { ReplayDiff } from "../source/ReplayDiff.ts"
import { type NodeCoreInfo, type SanitizedCore, sanitizeNodeCore } from "./sanitizeNodeCore.ts"

/** Limits for the cores of one node. */
export interface NodeCoreLimits {
  /** Number of cores. Above it, the oldest `missing` cores are removed first, then the oldest. */
  readonly maxCores: number
  /** Size of all summaries, bytes of JSON. */
  readonly maxBytes: number
  /** Size of one summary, bytes of JSON. */
  readonly maxCoreBytes: number
  /** Number of namespaces. Each costs an access review for every caller without access to all namespaces. */
  readonly maxNamespaces: number
}

/** A change of the index: a core is added or modified, or removed (`undefined`). */
export interface IndexChange {
  readonly id: CoreId
  readonly core: SanitizedCore | undefined
}

/** Adds to the count of a key. */
const addCount = (counts: Map<string, number>, key: string | undefined, by: 1 | -1): void => {
  if (key === undefined) return
  const now = (counts.get(key) ?? 0) + by
  if (now === 0) counts.delete(key)
  else counts.set(key, now)
}

/** Cores by ID, with their totals. */
class CoreSet<Info extends NodeCoreInfo> {
  readonly byId = new Map<CoreId, Info>()
  readonly namespaces = new Map<string, number>()
  jsonBytes = 0
  fileBytes = 0

  has(id: CoreId): boolean {
    return this.byId.has(id)
  }

  set(id: CoreId, info: Info): void {
    this.delete(id)
    this.byId.set(id, info)
    addCount(this.namespaces, info.namespace, 1)
    this.jsonBytes += info.jsonBytes
    this.fileBytes += info.fileBytes
  }

  delete(id: CoreId): void {
    const info = this.byId.get(id)
    if (info === undefined) return
    this.byId.delete(id)
    addCount(this.namespaces, info.namespace, -1)
    this.jsonBytes -= info.jsonBytes
    this.fileBytes -= info.fileBytes
  }

  /** The cores to remove so that the rest is within `share` of the limits. */
  selectSurplus({ maxBytes, maxCores, maxNamespaces }: NodeCoreLimits, share: number): ReadonlyArray<CoreId> {
    const surplus: Array<CoreId> = []
    const namespaces = new Map(this.namespaces)
    let { jsonBytes } = this
    const isWithinLimits = () =>
      this.byId.size - surplus.length <= Math.ceil(maxCores * share) && jsonBytes <= maxBytes * share &&
      namespaces.size <= maxNamespaces * share
    const order = [...this.byId]
      .toSorted(([, a], [, b]) => Number(b.isMissing) - Number(a.isMissing) || a.time - b.time)
    for (const [id, info] of order) {
      if (isWithinLimits()) break
      surplus.push(id)
      jsonBytes -= info.jsonBytes
      addCount(namespaces, info.namespace, -1)
    }
    return surplus
  }

  /** Removes cores until the rest is within the limits. */
  reduceTo(limits: NodeCoreLimits): void {
    for (const id of this.selectSurplus(limits, 1)) this.delete(id)
  }

  /** Whether the cores exceed `times` the limits. */
  exceeds({ maxBytes, maxCores, maxNamespaces }: NodeCoreLimits, times = 1): boolean {
    return this.byId.size > maxCores * times || this.jsonBytes > maxBytes * times ||
      this.namespaces.size > maxNamespaces * times
  }
}

/** Longest resource version of a node that is kept. Those of a `CoreIndex` are much shorter. */
const maxVersionLength = 256

/**
 * The cores of one node in the index of the cluster. Converts the events of the node's watch, which may restart at any
 * time, to the fewest changes of the index. A node that exceeds its limits loses its own oldest cores, never those of
 * other nodes.
 */
export class NodeCores {
  readonly #index: CoreIndex
  readonly #node: string
  readonly #limits: NodeCoreLimits
  readonly #cores = new CoreSet<NodeCoreInfo>()
  readonly #diff = new ReplayDiff<CoreId, CoreSet<SanitizedCore>>(() => new CoreSet(), { maxVersionLength })
  #dropped = 0

  constructor(index: CoreIndex, node: string, limits: NodeCoreLimits) {
    this.#index = index
    this.#node = node
    this.#limits = limits
  }

  /** Number of cores in the index. */
  get count(): number {
    return this.#cores.byId.size
  }

  /** Size of their core files. At most the largest integer of JSON: a node can claim any sizes. */
  get fileBytes(): number {
    return Math.min(this.#cores.fileBytes, Number.MAX_SAFE_INTEGER)
  }

  /** Number of cores dropped since the start of the last replay. */
  get dropped(): number {
    return this.#dropped
  }

  /** The node's resource version to resume the watch from. Undefined: the watch starts with a replay. */
  get since(): string | undefined {
    return this.#diff.since
  }

  /** The reference of the core on the node itself, which may report another name. */
  toNodeRef(id: CoreId): CoreRef {
    return { node: this.#cores.byId.get(id)?.reportedNode ?? this.#node, id }
  }

  /** Discards the resource version: the next watch starts with a replay. The cores stay. */
  expireVersion(): void {
    this.#diff.expire()
  }

  /** A watch starts. */
  beginWatch(): void {
    this.#diff.connect()
    if (this.#diff.replayed !== undefined) this.#dropped = 0
  }

  /**
   * The changes of an event that arrives now (milliseconds since 1970): none during a replay, and at its end the difference
   * to the index.
   */
  toChanges(event: CoreEvent, now: number): ReadonlyArray<IndexChange> {
    const { replayed } = this.#diff
    if (event.type === "BOOKMARK") return replayed === undefined ? [] : this.#finishReplay(replayed)
    const { id } = event.object
    const core = event.type === "DELETED" ? undefined : this.#sanitize(event.object, now)
    if (replayed === undefined) return [{ id, core }]
    if (core === undefined) replayed.delete(id)
    else replayed.set(id, core)
    // Removing many at a time keeps this fast: a node may send many times its limit.
    if (replayed.exceeds(this.#limits, 1.25)) replayed.reduceTo(this.#limits)
    return []
  }

  /** Applies a change to the index. Returns whether it changed anything. */
  applyChange({ core, id }: IndexChange): boolean {
    const ref = { node: this.#node, id }
    const before = this.#index.get(ref)
    if (core === undefined) {
      this.#index.remove(ref)
      this.#cores.delete(id)
      return before !== undefined
    }
    const { core: summary, ...info } = core
    this.#cores.set(id, info)
    this.#index.put(summary)
    if (this.#cores.exceeds(this.#limits)) {
      for (const surplus of this.#cores.selectSurplus(this.#limits, 0.99)) {
        this.applyChange({ id: surplus, core: undefined })
      }
    }
    return this.#index.get(ref) !== before
  }

  /**
   * All changes of the event have been applied: the watch can resume after it. Returns whether the index has all cores of
   * the node now.
   */
  onApplied(event: CoreEvent): boolean {
    this.#diff.advance(event)
    return event.type === "BOOKMARK"
  }

  /** The index has removed the core because of its own limit. */
  onEvicted(id: CoreId): void {
    this.#cores.delete(id)
  }

  /** The changes that remove all cores of the node. */
  toRemovals(): ReadonlyArray<IndexChange> {
    return [...this.#cores.byId.keys()].map((id) => ({ id, core: undefined }))
  }

  #sanitize(summary: CoreSummary, now: number): SanitizedCore | undefined {
    const core = sanitizeNodeCore(this.#node, summary, { maxBytes: this.#limits.maxCoreBytes, now })
    if (core === undefined) this.#dropped += 1
    return core
  }

  #finishReplay(replayed: CoreSet<SanitizedCore>): ReadonlyArray<IndexChange> {
    if (replayed.exceeds(this.#limits)) replayed.reduceTo(this.#limits)
    return [
      ...this.#diff.findGone(this.#cores.byId.keys()).map((id): IndexChange => ({ id, core: undefined })),
      ...Array.from(replayed.byId, ([id, core]): IndexChange => ({ id, core }))
    ]
  }
}
