import { Clock, Effect, Metric } from "effect"
import type { CoreEvent } from "../model/CoreEvent.ts"
import type { ClusterNode } from "./ClusterNode.ts"
import type { IndexChange } from "./NodeCores.ts"
import type { NodeFailureLog } from "./NodeFailureLog.ts"

/** Changes between two yields to other fibers, and bytes of JSON: the changes of a node may all be large. */
const changesPerYield = 64
const bytesPerYield = 1024 * 1024

const droppedCores = Metric.counter("koredump_cluster_dropped_cores_total", {
  description: "Cores from nodes that were dropped: too large or malformed",
  incremental: true
})

/** What a batch of events has changed. */
interface AppliedEvents {
  /** Number of cores that are different now. */
  readonly changes: number
  /** Whether the index has all cores of the node now: a BOOKMARK was among the events. */
  readonly isSynced: boolean
}

/** Applies changes to the index, and yields to other fibers in between. Returns the number of cores that changed. */
export const applyChanges = Effect.fnUntraced(function*(node: ClusterNode, changes: ReadonlyArray<IndexChange>) {
  let applied = 0
  let count = 0
  let bytes = 0
  for (const change of changes) {
    if (node.cores.applyChange(change)) applied += 1
    count += 1
    bytes += change.core?.jsonBytes ?? 0
    if (count < changesPerYield && bytes < bytesPerYield) continue
    count = 0
    bytes = 0
    yield* Effect.yieldNow
  }
  return applied
})

/** Applies the events of one node's watch to the index and to the state of the node. */
export const makeApplyEvents = (node: ClusterNode, failures: NodeFailureLog) => {
  let isDropLogged = false

  const reportDropped = Effect.fnUntraced(function*(count: number, isSynced: boolean) {
    if (count > 0) yield* Metric.update(droppedCores, count)
    if (isDropLogged || !isSynced || node.cores.dropped === 0) return
    isDropLogged = true
    yield* Effect.logWarning("Node cores dropped: too large or malformed").pipe(
      Effect.annotateLogs({ count: node.cores.dropped })
    )
  })

  return Effect.fnUntraced(function*(events: ReadonlyArray<CoreEvent>): Effect.fn.Return<AppliedEvents> {
    const now = yield* Clock.currentTimeMillis
    node.onContact(now)
    const { dropped } = node.cores
    let changes = 0
    let isSynced = false
    for (const event of events) {
      changes += yield* applyChanges(node, node.cores.toChanges(event, now))
      if (node.cores.onApplied(event)) isSynced = true
    }
    yield* reportDropped(node.cores.dropped - dropped, isSynced)
    if (isSynced && node.markReady(yield* Clock.currentTimeMillis)) yield* failures.onReady
    return { changes, isSynced }
  })
}
