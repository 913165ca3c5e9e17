/**
 * One node's part of the cluster's index: takes the events of the node's watch, in any order and however often it begins
 * anew, and turns them into the fewest changes of the index. Bounded: a node with too much to tell loses its own oldest
 * cores, never another's.
 */
import type { CoreSummary } from "../model/Core.ts"
import type { CoreEvent } from "../model/CoreEvent.ts"
import type { CoreId } from "../model/CoreId.ts"
import type { CoreIndex } from "../source/CoreIndex.ts"
import { type NodeCoreInfo, type SanitizedCore, sanitizeNodeCore } from "./sanitizeNodeCore.ts"

/** What one node may take up. */
export interface NodeCoreLimits {
  /** Most cores; beyond it the oldest `missing` go first, then the oldest. */
  readonly maxCores: number
  /** Most bytes of all summaries together, as JSON. */
  readonly maxBytes: number
  /** Most bytes of one summary, as JSON. */
  readonly maxCoreBytes: number
  /** Most namespaces; for each of them whoever may not see all has to ask for permission. */
  readonly maxNamespaces: number
}

/** One step for the index: a core comes or changes, or (`undefined`) goes. */
export interface CoreChange {
  readonly id: CoreId
  readonly core: SanitizedCore | undefined
}

/** How many there are of each. */
const count = (counts: Map<string, number>, key: string | undefined, by: 1 | -1): void => {
  if (key === undefined) return
  const now = (counts.get(key) ?? 0) + by
  if (now === 0) counts.delete(key)
  else counts.set(key, now)
}

/** Cores by id, with what they weigh together. */
class CoreSet<Facts extends NodeCoreInfo> {
  readonly byId = new Map<CoreId, Facts>()
  readonly namespaces = new Map<string, number>()
  weight = 0
  size = 0

  set(id: CoreId, facts: Facts): void {
    this.delete(id)
    this.byId.set(id, facts)
    count(this.namespaces, facts.namespace, 1)
    this.weight += facts.weight
    this.size += facts.size
  }

  delete(id: CoreId): void {
    const facts = this.byId.get(id)
    if (facts === undefined) return
    this.byId.delete(id)
    count(this.namespaces, facts.namespace, -1)
    this.weight -= facts.weight
    this.size -= facts.size
  }

  /** The cores that have to go for the rest to be within `share` of the bounds. */
  surplus({ maxBytes, maxCores, maxNamespaces }: NodeCoreLimits, share: number): ReadonlyArray<CoreId> {
    const gone: Array<CoreId> = []
    const namespaces = new Map(this.namespaces)
    let { weight } = this
    const fits = () =>
      this.byId.size - gone.length <= Math.ceil(maxCores * share) && weight <= maxBytes * share &&
      namespaces.size <= maxNamespaces * share
    const order = [...this.byId].toSorted(([, a], [, b]) => Number(b.missing) - Number(a.missing) || a.time - b.time)
    for (const [id, facts] of order) {
      if (fits()) break
      gone.push(id)
      weight -= facts.weight
      count(namespaces, facts.namespace, -1)
    }
    return gone
  }

  exceeds({ maxBytes, maxCores, maxNamespaces }: NodeCoreLimits, times = 1): boolean {
    return this.byId.size > maxCores * times || this.weight > maxBytes * times ||
      this.namespaces.size > maxNamespaces * times
  }
}

/** Longest version of a node's that is kept; one from any `CoreIndex` has far less. */
const maxVersion = 256

/** See the module's text. */
export class NodeCores {
  readonly #index: CoreIndex
  readonly #node: string
  readonly #bounds: NodeCoreLimits
  readonly #held = new CoreSet<NodeCoreInfo>()
  /** What a replay has told so far; undefined outside of one. */
  #replay: CoreSet<SanitizedCore> | undefined
  #since: string | undefined
  #dropped = 0

  constructor(index: CoreIndex, node: string, bounds: NodeCoreLimits) {
    this.#index = index
    this.#node = node
    this.#bounds = bounds
  }

  /** Cores held. */
  get count(): number {
    return this.#held.byId.size
  }

  /** Bytes that their stored files take. */
  get bytes(): number {
    return this.#held.size
  }

  /** Cores that were refused since the last replay began. */
  get dropped(): number {
    return this.#dropped
  }

  /** The node's version to go on from; undefined: everything has to be told again. */
  get since(): string | undefined {
    return this.#since
  }

  /** What the node itself calls the node that has this core. */
  ownNode(id: CoreId): string {
    return this.#held.byId.get(id)?.own ?? this.#node
  }

  /** The version is worth nothing any more: another agent, or too much has happened. The cores stay. */
  expire(): void {
    this.#since = undefined
  }

  /** A watch begins. */
  begin(): void {
    this.#replay = this.#since === undefined ? new CoreSet() : undefined
    if (this.#replay !== undefined) this.#dropped = 0
  }

  /** What an event changes: nothing before the end of a replay, and at its end the difference. */
  changesBy(event: CoreEvent): ReadonlyArray<CoreChange> {
    if (event.type === "BOOKMARK") return this.#replay === undefined ? [] : this.#difference(this.#replay)
    const { id } = event.object
    const core = event.type === "DELETED" ? undefined : this.#admit(event.object)
    if (this.#replay === undefined) return [{ id, core }]
    if (core === undefined) this.#replay.delete(id)
    else this.#replay.set(id, core)
    // Cut rarely and by much: a node may have many times the bound to tell.
    if (this.#replay.exceeds(this.#bounds, 2)) {
      for (const gone of this.#replay.surplus(this.#bounds, 1)) this.#replay.delete(gone)
    }
    return []
  }

  /** Makes a change in the index; tells whether anything is different now. */
  apply({ core, id }: CoreChange): boolean {
    const ref = { node: this.#node, id }
    const before = this.#index.get(ref)
    if (core === undefined) {
      this.#index.remove(ref)
      this.#held.delete(id)
      return before !== undefined
    }
    const { core: summary, ...facts } = core
    this.#held.set(id, facts)
    this.#index.put(summary)
    if (this.#held.exceeds(this.#bounds)) {
      for (const gone of this.#held.surplus(this.#bounds, 0.99)) this.apply({ id: gone, core: undefined })
    }
    return this.#index.get(ref) !== before
  }

  /** All that the event changes has been made: from here the watch can go on. Tells whether it is at one with the node. */
  seen({ object: { resourceVersion }, type }: CoreEvent): boolean {
    if (type === "BOOKMARK") this.#replay = undefined
    if (this.#replay === undefined) this.#since = resourceVersion.length <= maxVersion ? resourceVersion : undefined
    return type === "BOOKMARK"
  }

  /** The index has dropped a core of its own accord. */
  evicted(id: CoreId): void {
    this.#held.delete(id)
  }

  /** What makes the part empty. */
  removal(): ReadonlyArray<CoreChange> {
    return [...this.#held.byId.keys()].map((id) => ({ id, core: undefined }))
  }

  #admit(summary: CoreSummary): SanitizedCore | undefined {
    const core = sanitizeNodeCore(this.#node, summary, this.#bounds.maxCoreBytes)
    if (core === undefined) this.#dropped += 1
    return core
  }

  #difference(replay: CoreSet<SanitizedCore>): ReadonlyArray<CoreChange> {
    if (replay.exceeds(this.#bounds)) { for (const gone of replay.surplus(this.#bounds, 1)) replay.delete(gone) }
    const goes = [...this.#held.byId.keys()].filter((id) => !replay.byId.has(id))
    return [
      ...goes.map((id): CoreChange => ({ id, core: undefined })),
      ...[...replay.byId].map(([id, core]): CoreChange => ({ id, core }))
    ]
  }
}
