/** Keeps the cluster's index at one with one node, for ever: connects, follows the node's watch, begins again. */
import {
  Cause,
  Clock,
  Deferred,
  Duration,
  Effect,
  Exit,
  Metric,
  Option,
  Schedule,
  Scope,
  type Semaphore,
  Stream
} from "effect"
import { RateLimiter } from "effect/persistence"
import type { CoreEvent } from "../model/CoreEvent.ts"
import { NodeFailed, NodeTimeout, type Problem } from "../model/Problem.ts"
import type { CoreSource } from "../source/CoreSource.ts"
import { type ClusterNode, silent } from "./ClusterNode.ts"
import type { CoreChange } from "./NodeCores.ts"
import type { NodeConnector } from "./NodeDirectory.ts"
import { toNodeFailure } from "./toClusterProblem.ts"

/** What the followers of all nodes share. */
export interface Following {
  readonly connector: NodeConnector["Service"]
  /** Bounds how many nodes synchronise at once. */
  readonly turns: Semaphore.Semaphore
  readonly limiter: RateLimiter.RateLimiter
  /** Changes a second that one node may make for long, and how many at once. */
  readonly rate: { readonly perSecond: number; readonly burst: number }
  /** The node has answered, or failed. */
  readonly tried: (node: ClusterNode) => void
}

/** How long a node may keep others waiting for their turn. */
const turn = "1 second"
const changesAtOnce = 512
/** Events that change nothing may be so many times as many: a node that begins anew tells all that it told before. */
const idlePerChange = 16
const idleAtOnce = 256
/** A connection that lasted this long was a good one: what follows it is tried again soon. */
const goodFor = 10_000

const misunderstood = new Set(["InvalidQuery", "BadRequest"])

const soon = "500 millis"
const backoff = Schedule.min([Schedule.exponential(soon), Schedule.spaced("10 seconds")]).pipe(
  Schedule.jittered
)

const reconnects = Metric.counter("koredump_cluster_reconnects_total", {
  description: "Connections to nodes that failed and are tried again",
  incremental: true
})
const droppedCores = Metric.counter("koredump_cluster_dropped_cores_total", {
  description: "Cores that nodes told of and that were refused: too large or malformed",
  incremental: true
})

/** Makes the changes, without holding up everything else meanwhile; tells how many there were. */
export const applyChanges = Effect.fnUntraced(function*(node: ClusterNode, changes: ReadonlyArray<CoreChange>) {
  let made = 0
  for (const [n, change] of changes.entries()) {
    if (node.cores.apply(change)) made += 1
    if (n % changesAtOnce === changesAtOnce - 1) yield* Effect.yieldNow
  }
  return made
})

/** Follows the node where it is now. Never ends. There are thousands of these: few fibers and few stages each. */
export const followNode = (node: ClusterNode, following: Following): Effect.Effect<void> =>
  Effect.scopedWith((scope) => {
    const { address, name } = node
    let source: CoreSource["Service"] | undefined
    let toldOfDropped = false
    /** The failure that the log has, until the node is well again. */
    let toldOf: string | undefined

    // One connection serves all watches and downloads for as long as the agent is there: a watch that breaks off must
    // not break off the downloads.
    const connect = Effect.suspend(() => {
      const own = Scope.forkUnsafe(scope)
      return following.connector.connect(address).pipe(
        Scope.provide(own),
        Effect.onExit((exit) => Exit.isSuccess(exit) ? Effect.void : Scope.close(own, exit))
      )
    })

    const watchOnce = (source: CoreSource["Service"]): Stream.Stream<CoreEvent, Problem> =>
      Stream.unwrap(Effect.map(Clock.currentTimeMillis, (now) => {
        node.cores.begin()
        const { since } = node.cores
        if (since === undefined) node.resync(now)
        return source.changes({ filter: { state: "any" }, ...(since === undefined ? {} : { since }) })
      }))

    const watch = (source: CoreSource["Service"]) =>
      // A version that is too old is no failure: everything is told again at once.
      Stream.catchTag(watchOnce(source), "ResourceVersionExpired", (problem) => {
        if (node.cores.since === undefined) return Stream.fail(problem)
        node.cores.expire()
        return watchOnce(source)
      })

    const tellDropped = (more: number, synced: boolean) =>
      Effect.gen(function*() {
        if (more > 0) yield* Metric.update(droppedCores, more)
        if (toldOfDropped || !synced || node.cores.dropped === 0) return
        toldOfDropped = true
        yield* Effect.logWarning(`${node.cores.dropped} cores of a node are not shown: too large or malformed`)
      })

    /** Makes what the events change; tells how many changes that were, and whether a BOOKMARK was among the events. */
    const take = Effect.fnUntraced(function*(events: ReadonlyArray<CoreEvent>) {
      node.heard(yield* Clock.currentTimeMillis)
      const { dropped } = node.cores
      let changes = 0
      let synced = false
      for (const event of events) {
        changes += yield* applyChanges(node, node.cores.changesBy(event))
        if (node.cores.seen(event)) synced = true
      }
      yield* tellDropped(node.cores.dropped - dropped, synced)
      if (synced && node.synced(yield* Clock.currentTimeMillis)) {
        yield* toldOf === undefined ? Effect.logDebug("A node is ready") : Effect.logInfo("A node is reachable again")
        toldOf = undefined
      }
      return { changes, synced }
    })

    const slowDown = (what: string, count: number, times: number) => {
      const { burst, perSecond } = following.rate
      if (count === 0) return Effect.void
      return Effect.orDie(
        RateLimiter.sleep(following.limiter)({
          algorithm: "token-bucket",
          key: `${name} ${what}`,
          limit: burst * times,
          window: Duration.seconds(burst / perSecond),
          tokens: count
        })
      )
    }

    let idle = 0
    const throttle = (events: number, changes: number) => {
      // Most arrays are of one event: not each is worth a look at the limits.
      idle += Math.max(0, events - changes)
      const due = idle >= idleAtOnce ? idle : 0
      idle -= due
      return Effect.andThen(slowDown("changes", changes, 1), slowDown("idle", due, idlePerChange))
    }

    const takeTurn = Effect.fnUntraced(function*(synced: Deferred.Deferred<void>) {
      const mine = yield* Deferred.make<void>()
      yield* Deferred.succeed(mine, undefined).pipe(
        Effect.andThen(Effect.timeoutOption(Deferred.await(synced), turn)),
        following.turns.withPermit,
        Effect.forkChild
      )
      yield* Deferred.await(mine)
    })

    /** Connects where need be, and watches until that fails. */
    const attempt = Effect.gen(function*() {
      const synced = yield* Deferred.make<void>()
      yield* takeTurn(synced)
      node.wait(yield* Clock.currentTimeMillis)
      node.source = source ??= yield* connect
      yield* Stream.runForEachArray(
        watch(source),
        Effect.fnUntraced(function*(events) {
          node.waitNoMore()
          const taken = yield* take(events)
          if (taken.synced) {
            Deferred.doneUnsafe(synced, Effect.void)
            following.tried(node)
          }
          yield* throttle(events.length, taken.changes)
          node.wait(yield* Clock.currentTimeMillis)
        })
      )
      return yield* new NodeFailed({ node: name, detail: "The node ended the watch." })
    })

    const record = Effect.fnUntraced(function*(cause: Cause.Cause<Problem>, now: number) {
      const problem = Cause.findErrorOption(cause)
      const failure = Option.isSome(problem)
        ? toNodeFailure(name, problem.value)
        : new NodeFailed({ node: name, detail: "The connection to the node broke in an unforeseen way." })
      yield* Metric.update(reconnects, 1)
      // A node that does not understand its own version would never be understood again.
      if (Option.isSome(problem) && misunderstood.has(problem.value._tag)) node.cores.expire()
      // One that tells something each time, and fails each time, is not new each time.
      if (node.failed(failure, now) && failure.message !== toldOf) {
        toldOf = failure.message
        yield* Effect.logWarning(
          "A node is unreachable",
          failure.message,
          ...(Option.isSome(problem) ? [] : [cause])
        )
      }
      following.tried(node)
    })

    /** One connection, until it fails or is given up for its silence; tells whether it was a good one. */
    const once = Effect.gen(function*() {
      const began = yield* Clock.currentTimeMillis
      const ended = yield* Deferred.make<Cause.Cause<Problem>>()
      const fiber = yield* Effect.forkChild(
        Effect.onExit(attempt, (exit) => Deferred.succeed(ended, Exit.isFailure(exit) ? exit.cause : Cause.empty))
      )
      // Not waited for: what hangs may not even let itself be interrupted.
      node.giveUp = () => {
        Deferred.doneUnsafe(ended, Effect.succeed(Cause.fail(new NodeTimeout({ node: name, detail: silent }))))
        fiber.interruptUnsafe()
      }
      const cause = yield* Deferred.await(ended)
      node.waitNoMore()
      const now = yield* Clock.currentTimeMillis
      const wasGood = node.state === "ready" && now - began >= goodFor
      yield* record(cause, now)
      return wasGood
    })

    node.source = undefined
    node.waitNoMore()
    return Effect.repeat(once, { schedule: backoff, until: (wasGood) => wasGood }).pipe(
      Effect.andThen(Effect.sleep(soon)),
      Effect.forever,
      Effect.ensuring(Effect.sync(() => {
        if (node.source === source) node.source = undefined
      }))
    )
  }).pipe(Effect.annotateLogs({ node: node.name }))
