/**
 * What a watcher sees of a source's changes who may see only some of the cores: cores that enter his view are ADDED,
 * cores that leave it DELETED, and of the others nothing is told, not even that something happened.
 */
import type { CoreSummary } from "../model/Core.ts"
import { type CoreEvent, previousOf } from "../model/CoreEvent.ts"
import { refKey } from "../model/CoreId.ts"
import type { CoreList } from "../source/CoreSource.ts"

/** A watcher from whom all is hidden hears at least this often that nothing was missed. */
const quietMillis = 5_000

interface Seeded {
  readonly resourceVersion: string
  readonly bookmarks: number
}

type CoreChange = Exclude<CoreEvent, { readonly type: "BOOKMARK" }>

/** See the module's text. */
export class WatchView {
  readonly #isVisible: (core: CoreSummary) => boolean
  /** What is shown now; not kept for those whose watch ends when their rights change. */
  readonly #shown: Map<string, CoreSummary> | undefined
  /** The visible cores of a replay of the present ones that is not at its end yet. */
  #replayed: Set<string> | undefined
  /** The version of the list that was taken for shown, and the BOOKMARKs since, until it is reached. */
  #seeded: Seeded | undefined
  #toldAt = 0

  constructor(isVisible: (core: CoreSummary) => boolean, remember: boolean) {
    this.#isVisible = isVisible
    this.#shown = remember ? new Map() : undefined
  }

  /** For a watcher who goes on from an earlier version: once he has heard of what came since, this is what he sees. */
  seed({ cores, resourceVersion }: CoreList, since: string): void {
    for (const core of cores) if (this.#isVisible(core)) this.#shown?.set(refKey(core), core)
    if (resourceVersion !== since) this.#seeded = { resourceVersion, bookmarks: 0 }
  }

  /** Whether the watcher has heard of everything that is taken for shown. */
  get isCaughtUp(): boolean {
    return this.#seeded === undefined
  }

  /** All present cores come now, up to a BOOKMARK: what is different from what is shown is told. */
  beginReplay(): void {
    this.#replayed = new Set()
  }

  /** Whether the present cores are being told. */
  get isReplaying(): boolean {
    return this.#replayed !== undefined
  }

  /** What there is to tell of an event. */
  take(event: CoreEvent, now: number): ReadonlyArray<CoreEvent> {
    if (this.#seeded !== undefined) this.#seeded = this.#stillSeeded(this.#seeded, event)
    const told = event.type === "BOOKMARK"
      ? [...this.#endReplay(event.object.resourceVersion), event]
      : this.#replayed === undefined
      ? this.#change(event)
      : this.#present(event.object, this.#replayed)
    if (told.length > 0) this.#toldAt = now
    // Hidden changes put the source's heartbeat off.
    else if (this.#replayed === undefined && now - this.#toldAt >= quietMillis) {
      this.#toldAt = now
      return [{ type: "BOOKMARK", object: { resourceVersion: event.object.resourceVersion } }]
    }
    return told
  }

  /** The first BOOKMARK only says where the watch began; the next one, that there was nothing more to tell. */
  #stillSeeded(seeded: Seeded, { object, type }: CoreEvent): Seeded | undefined {
    const bookmarks = seeded.bookmarks + (type === "BOOKMARK" ? 1 : 0)
    return object.resourceVersion === seeded.resourceVersion || bookmarks > 1 ? undefined : { ...seeded, bookmarks }
  }

  #present(core: CoreSummary, replayed: Set<string>): ReadonlyArray<CoreEvent> {
    if (!this.#isVisible(core)) return []
    const key = refKey(core)
    const before = this.#shown?.get(key)
    replayed.add(key)
    this.#shown?.set(key, core)
    if (before === undefined) return [{ type: "ADDED", object: core }]
    return before.resourceVersion === core.resourceVersion ? [] : [{ type: "MODIFIED", object: core }]
  }

  #endReplay(resourceVersion: string): ReadonlyArray<CoreEvent> {
    const replayed = this.#replayed
    this.#replayed = undefined
    if (replayed === undefined || this.#shown === undefined) return []
    const gone = [...this.#shown].filter(([key]) => !replayed.has(key))
    return gone.map(([key, core]): CoreEvent => {
      this.#shown?.delete(key)
      return { type: "DELETED", object: { ...core, resourceVersion } }
    })
  }

  #change(event: CoreChange): ReadonlyArray<CoreEvent> {
    const { object, type } = event
    const key = refKey(object)
    const before = this.#before(event, key)
    if (type !== "DELETED" && this.#isVisible(object)) {
      this.#shown?.set(key, object)
      return [before === undefined ? { type: "ADDED", object } : event]
    }
    if (before === undefined) return []
    this.#shown?.delete(key)
    return [
      type === "DELETED" ? event : { type: "DELETED", object: { ...before, resourceVersion: object.resourceVersion } }
    ]
  }

  /** What the watcher saw of the core before this change; nothing where it was hidden, or not there. */
  #before(event: CoreChange, key: string): CoreSummary | undefined {
    if (event.type === "ADDED") return undefined
    // The source's own word, where it gives it, holds for watchers, too, who go on from an earlier version.
    const known = event.type === "DELETED" ? event.object : previousOf(event)
    const before = known ?? (this.#shown === undefined ? event.object : this.#shown.get(key))
    return before !== undefined && this.#isVisible(before) ? before : undefined
  }
}
