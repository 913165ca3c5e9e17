import { Context, Deferred, Effect } from "effect"

/** Whether the cluster server is ready to serve, for readiness probes. */
export class ClusterReadiness extends Context.Service<ClusterReadiness, {
  /**
   * Completes when every node that was discovered first has synced or failed once, but at most 30 seconds after the
   * discovery: one node that never finishes must not keep the cores of the others from users.
   */
  readonly ready: Effect.Effect<void>
  /** Why the cluster is not ready yet. Undefined after `ready` has completed, whatever happens later. */
  readonly waiting: Effect.Effect<string | undefined>
  /** Why the list of nodes may be stale. Undefined if it is up to date. */
  readonly degradedReason: Effect.Effect<string | undefined>
}>()("@koredump/core/ClusterReadiness") {}

/** A node that has not sent all of its cores by then no longer delays the others. */
const syncTimeout = "30 seconds"
const maxLoggedNames = 20

/** Tracks which of the first nodes have answered. */
export class ReadinessTracker {
  readonly #discovered = Deferred.makeUnsafe<void>()
  readonly #ready = Deferred.makeUnsafe<void>()
  /** Nodes that were discovered first and have neither synced nor failed yet. */
  readonly #pending = new Set<string>()

  /** Whether the nodes have been discovered. */
  get isDiscovered(): boolean {
    return Deferred.isDoneUnsafe(this.#discovered)
  }

  get ready(): Effect.Effect<void> {
    return Deferred.await(this.#ready)
  }

  /** The nodes have been discovered. Later calls have no effect: new nodes do not make the cluster unready. */
  onDiscovered(names: Iterable<string>): void {
    if (this.isDiscovered) return
    for (const name of names) this.#pending.add(name)
    Deferred.doneUnsafe(this.#discovered, Effect.void)
    this.#check()
  }

  /** The node has synced, failed or left the cluster. */
  onAnswered(name: string): void {
    if (this.#pending.delete(name)) this.#check()
  }

  /** Why the cluster is not ready yet. */
  waiting(nodeCount: number): string | undefined {
    if (Deferred.isDoneUnsafe(this.#ready)) return undefined
    return this.isDiscovered
      ? `${this.#pending.size} of ${nodeCount} nodes have not answered yet`
      : "Nodes not discovered yet"
  }

  /** Ends the wait for slow nodes. */
  readonly limitWait: Effect.Effect<void> = Effect.suspend(() =>
    Deferred.await(this.#discovered).pipe(
      Effect.andThen(Effect.sleep(syncTimeout)),
      Effect.andThen(Effect.suspend(() => {
        if (!Deferred.doneUnsafe(this.#ready, Effect.void)) return Effect.void
        return Effect.logWarning("Nodes not synced in time").pipe(Effect.annotateLogs({
          count: this.#pending.size,
          nodes: [...this.#pending].slice(0, maxLoggedNames).join(", ")
        }))
      }))
    )
  )

  #check(): void {
    if (this.#pending.size === 0) Deferred.doneUnsafe(this.#ready, Effect.void)
  }
}
