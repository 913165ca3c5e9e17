import type { CoreSummary } from "../model/Core.ts"
import type { CoreChange } from "../model/CoreEvent.ts"
import { refKey } from "../model/CoreId.ts"
import type { CoreList } from "../source/CoreSource.ts"
import { ReplayDiff } from "../source/ReplayDiff.ts"
import { isNewerVersion } from "../source/ResourceVersion.ts"

/** Options of a {@link WatchView}. */
interface WatchViewOptions {
  /** Whether the caller can see the core. */
  readonly isVisible: (core: CoreSummary) => boolean
  /** Whether to track the cores that were shown. If not, the watch must end when permissions change. */
  readonly tracksShown: boolean
  /** Resource version of the source from which the first connection resumes. */
  readonly since?: string | undefined
}

/**
 * Cores that a watch tracks. Many watches with many cores each would use up the memory of the server. With more cores, the
 * watch no longer tracks them, and ends when permissions change.
 */
const maxTracked = 2000

type ChangeOfCore = Exclude<CoreChange, { readonly type: "BOOKMARK" }>

/**
 * What a caller with limited permissions sees of a watch. A core that becomes visible is ADDED, a core that becomes
 * hidden is DELETED, and events of hidden cores are dropped.
 */
export class WatchView {
  readonly #isVisible: (core: CoreSummary) => boolean
  #shown: Map<string, CoreSummary> | undefined
  #connections = 0
  #isExpired = false
  readonly #diff: ReplayDiff<string, Set<string>>
  /** The version of the list given to `load`. Undefined when the watch has reached it. */
  #listedVersion: string | undefined

  constructor({ isVisible, tracksShown, since }: WatchViewOptions) {
    this.#isVisible = isVisible
    this.#shown = tracksShown ? new Map() : undefined
    this.#diff = new ReplayDiff(() => new Set(), { since })
  }

  /** The source's resource version from which a connection resumes. Undefined: it replays. */
  get since(): string | undefined {
    return this.#diff.since
  }

  /** Whether the source replays its current cores at the moment. */
  get isReplaying(): boolean {
    return this.#diff.replayed !== undefined
  }

  /** Whether the caller has received all changes up to the list given to `load`. */
  get isCaughtUp(): boolean {
    return this.#listedVersion === undefined
  }

  /** Whether the view tracks the cores that were shown, so that it can show the difference after permissions change. */
  get isTracking(): boolean {
    return this.#shown !== undefined
  }

  /** Whether the difference became too large to show: the watch must end. */
  get isExpired(): boolean {
    return this.#isExpired
  }

  /** Marks the visible cores of a current list as shown: a caller who resumes has them after the changes up to that list. */
  load({ cores, resourceVersion }: CoreList): void {
    for (const core of cores) if (this.#isVisible(core)) this.#track(refKey(core), core)
    if (resourceVersion !== this.since) this.#listedVersion = resourceVersion
  }

  /** Makes the next connection replay. */
  expire(): void {
    this.#diff.expire()
  }

  /** Starts a connection to the source. */
  connect(): void {
    this.#connections += 1
    this.#diff.connect()
  }

  /** The events that the caller receives for an event of the source. */
  applyEvent(event: CoreChange): ReadonlyArray<CoreChange> {
    const { resourceVersion } = event.object
    const listed = this.#listedVersion
    if (listed !== undefined && (resourceVersion === listed || isNewerVersion(resourceVersion, listed))) {
      this.#listedVersion = undefined
    }
    const events = this.#toVisible(event)
    this.#diff.advance(event)
    return events
  }

  #toVisible(event: CoreChange): ReadonlyArray<CoreChange> {
    if (event.type === "BOOKMARK") return [...this.#deleteGone(event.object.resourceVersion), event]
    const { replayed } = this.#diff
    if (replayed === undefined) return this.#toVisibleChange(event)
    const key = refKey(event.object)
    if (event.type === "DELETED") {
      replayed.delete(key)
      return this.#toVisibleChange(event)
    }
    if (!this.#isVisible(event.object)) return []
    if (this.#shown !== undefined) replayed.add(key)
    return this.#toReplayChange(key, event.object)
  }

  #toReplayChange(key: string, core: CoreSummary): ReadonlyArray<CoreChange> {
    const before = this.#shown?.get(key)
    this.#track(key, core)
    if (before === undefined) return [{ type: "ADDED", object: core }]
    return before.resourceVersion === core.resourceVersion ? [] : [{ type: "MODIFIED", object: core }]
  }

  #track(key: string, core: CoreSummary): void {
    if (this.#shown === undefined) return
    this.#shown.set(key, core)
    if (this.#shown.size <= maxTracked) return
    this.#shown = undefined
    // The cores that are gone are reported at the end of the replay, and now they are unknown.
    this.#isExpired ||= this.isReplaying && this.#connections > 1
  }

  #deleteGone(resourceVersion: string): ReadonlyArray<CoreChange> {
    const shown = this.#shown
    if (shown === undefined) return []
    return this.#diff.findGone(shown.keys()).map((key): CoreChange => {
      const core = shown.get(key)!
      shown.delete(key)
      return { type: "DELETED", object: { ...core, resourceVersion } }
    })
  }

  #toVisibleChange(event: ChangeOfCore): ReadonlyArray<CoreChange> {
    const { object, type } = event
    const key = refKey(object)
    const before = this.#findBefore(event, key)
    if (type !== "DELETED" && this.#isVisible(object)) {
      this.#track(key, object)
      // `previous` is kept only if it was visible.
      return [before === undefined ? { type: "ADDED", object } : event]
    }
    if (before === undefined) return []
    this.#shown?.delete(key)
    return [{ type: "DELETED", object: { ...before, resourceVersion: object.resourceVersion } }]
  }

  /** The core as the caller saw it before this event. Undefined if it was hidden or did not exist. */
  #findBefore(event: ChangeOfCore, key: string): CoreSummary | undefined {
    if (event.type === "ADDED") return undefined
    // `#shown` is ahead of a watch that resumes, so what the source reports takes precedence.
    const reported = event.type === "DELETED" ? event.object : event.previous
    const before = reported ?? (this.#shown === undefined ? event.object : this.#shown.get(key))
    return before !== undefined && this.#isVisible(before) ? before : undefined
  }
}
