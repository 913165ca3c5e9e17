import { Cause, Clock, Deferred, Duration, Effect, Exit, type Semaphore, Stream } from "effect"
import type { RateLimiter } from "effect/persistence"
import { exponentialBackoff } from "../common/exponentialBackoff.ts"
import { NodeFailed, NodeTimeout, type Problem } from "../model/Problem.ts"
import { heartbeatTimeout, type NodeStatus } from "../source/CoreSource.ts"
import { makeApplyEvents } from "./applyEvents.ts"
import type { ClusterNode } from "./ClusterNode.ts"
import { type ChangeRate, makeLimitRate } from "./limitRate.ts"
import { makeConnect, watchNode } from "./nodeConnection.ts"
import type { NodeConnector } from "./NodeConnector.ts"
import { makeNodeFailureLog } from "./NodeFailureLog.ts"

/** What the syncs of all nodes share. */
export interface SyncOptions {
  readonly connector: NodeConnector["Service"]
  /** Limits how many nodes sync at the same time. */
  readonly slots: Semaphore.Semaphore
  readonly limiter: RateLimiter.RateLimiter
  readonly rate: ChangeRate
  /** Called when the node has synced or failed. */
  readonly onAnswered: (node: ClusterNode) => void
}

/** How long a node that does not finish its sync can keep its slot. */
const slotTimeout = "1 second"

const firstRetry = "500 millis"
const backoff = exponentialBackoff(firstRetry, "10 seconds")
const stableAfter = Duration.toMillis("10 seconds")

/** Whether the connection was good, so that the backoff starts again at its shortest delay. */
export const isStable = (state: NodeStatus["state"], lasted: number): boolean =>
  state === "ready" && lasted >= stableAfter

/** Waits for a slot, and keeps it until the node is synced, at most for a second. */
const waitForSlot = Effect.fnUntraced(function*(slots: Semaphore.Semaphore, synced: Deferred.Deferred<void>) {
  const acquired = yield* Deferred.make<void>()
  yield* Deferred.succeed(acquired, undefined).pipe(
    Effect.andThen(Effect.timeoutOption(Deferred.await(synced), slotTimeout)),
    slots.withPermit,
    Effect.forkChild
  )
  yield* Deferred.await(acquired)
})

/** Runs the watch until it fails or `node.disconnect` is called. Returns why it ended. */
const runUntilEnd = Effect.fnUntraced(function*(node: ClusterNode, watch: Effect.Effect<never, Problem>) {
  const ended = yield* Deferred.make<Cause.Cause<Problem>>()
  const fiber = yield* Effect.forkChild(
    Effect.onExit(watch, (exit) => Deferred.succeed(ended, Exit.isFailure(exit) ? exit.cause : Cause.empty))
  )
  // Does not wait for the fiber: a connection that hangs may not react to interruption either.
  node.disconnect = () => {
    const detail = `The node sent nothing for ${Duration.toSeconds(heartbeatTimeout)} seconds.`
    Deferred.doneUnsafe(ended, Effect.succeed(Cause.fail(new NodeTimeout({ node: node.name, detail }))))
    fiber.interruptUnsafe()
  }
  return yield* Deferred.await(ended)
})

/**
 * Keeps the index in sync with one node at its present address: connects, applies the events of the node's watch, and
 * retries after failures. Never ends. There are thousands of these, so each has few fibers and few stream stages.
 */
export const syncNode = (node: ClusterNode, options: SyncOptions): Effect.Effect<void> =>
  Effect.scopedWith((scope) => {
    const connect = makeConnect(node, options.connector, scope)
    const failures = makeNodeFailureLog(node)
    const applyEvents = makeApplyEvents(node, failures)
    const limitRate = makeLimitRate(node.name, options.limiter, options.rate)

    const watch = Effect.gen(function*() {
      const synced = yield* Deferred.make<void>()
      yield* waitForSlot(options.slots, synced)
      node.startWaiting(yield* Clock.currentTimeMillis)
      const source = yield* connect
      yield* Stream.runForEachArray(
        watchNode(node, source),
        Effect.fnUntraced(function*(events) {
          node.stopWaiting()
          const { changes, isSynced } = yield* applyEvents(events)
          if (isSynced) {
            Deferred.doneUnsafe(synced, Effect.void)
            options.onAnswered(node)
          }
          yield* limitRate(events.length, changes)
          node.startWaiting(yield* Clock.currentTimeMillis)
        })
      )
      return yield* new NodeFailed({ node: node.name, detail: "The node ended the watch." })
    })

    const attempt = Effect.gen(function*() {
      const startedAt = yield* Clock.currentTimeMillis
      const cause = yield* runUntilEnd(node, watch)
      node.stopWaiting()
      const wasStable = isStable(node.state, (yield* Clock.currentTimeMillis) - startedAt)
      yield* failures.onFailure(cause)
      options.onAnswered(node)
      return wasStable
    })

    // Reset what an earlier address has left.
    node.source = undefined
    node.stopWaiting()
    return Effect.repeat(attempt, { schedule: backoff, until: (wasStable) => wasStable }).pipe(
      Effect.andThen(Effect.sleep(firstRetry)),
      Effect.forever
    )
  }).pipe(Effect.annotateLogs({ node: node.name }))
