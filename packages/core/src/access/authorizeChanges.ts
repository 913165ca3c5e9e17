import { type Duration, Effect, Schedule, Stream } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import type { CoreChange } from "../model/CoreEvent.ts"
import { NodeFailed, NotReady, type Problem, ResourceVersionExpired } from "../model/Problem.ts"
import type { ChangesOptions, CoreList, CoreSource } from "../source/CoreSource.ts"
import type { AccessDecision, AccessDecisions } from "./AccessDecisions.ts"
import { type CallerAccess, permissions } from "./CallerAccess.ts"
import {
  formatScopedVersion,
  isSameScope,
  isWithdrawn,
  parseScopedVersion,
  type ScopedVersion
} from "./scopedVersion.ts"
import { WatchView } from "./WatchView.ts"

type Source = CoreSource["Service"]

/** Denials are checked only in every fifth round: there may be many more hidden namespaces than visible ones. */
const roundsPerFullCheck = 5

/** Retries access decisions for a while, so that a watch survives a short outage of the authorizer. */
const withRetries = <A>(decision: Effect.Effect<A, NotReady>): Effect.Effect<A, NotReady> =>
  decision.pipe(
    Effect.retry(Schedule.spaced("1 second")),
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.fail(new NotReady({ detail: "Authorization is unavailable." }))
    })
  )

const expired = new ResourceVersionExpired({
  detail: "Your permissions have changed. List again, and watch from the version of that list."
})

const ended = new NodeFailed({ detail: "The watch ended." })

/** Waits until decisions have changed, and returns the new ones. */
const awaitChangedDecisions = (
  decisions: AccessDecisions,
  recheck: Duration.Input
): Effect.Effect<ReadonlyArray<AccessDecision>, NotReady> => {
  let round = 0
  return Effect.suspend(() => withRetries(decisions.recheck(++round % roundsPerFullCheck === 0 ? "all" : "allowed")))
    .pipe(
      Effect.delay(recheck),
      Effect.repeat({ until: (changed) => changed.length > 0 })
    )
}

const addEventScope = (event: CoreChange, decisions: AccessDecisions): CoreChange => {
  const resourceVersion = formatScopedVersion(event.object.resourceVersion, "watch", decisions)
  return event.type === "BOOKMARK"
    ? { ...event, object: { resourceVersion } }
    : { ...event, object: { ...event.object, resourceVersion } }
}

/** Whether the caller sees all cores that the filter can match. */
const seesAll = (decisions: AccessDecisions, namespaces: ReadonlyArray<string> | undefined) =>
  decisions.everywhere && (decisions.onNodes || namespaces !== undefined)

const toCores = (events: ReadonlyArray<CoreChange>): ReadonlyArray<CoreSummary> =>
  events.flatMap((event) =>
    event.type === "BOOKMARK" ? [] : event.previous === undefined ? [event.object] : [event.object, event.previous]
  )

/** A watch that resumes: the current cores, and a check of each core that has changed since the version. */
interface Resumed {
  readonly current: CoreList
  readonly requireSame: (cores: ReadonlyArray<CoreSummary>) => Effect.Effect<void, Problem>
}

/** Fails with `expired` if the caller now sees another part of the cores than at this version. */
const resume = Effect.fnUntraced(function*(
  source: Source,
  access: CallerAccess,
  filter: ChangesOptions["filter"] = {},
  scoped: ScopedVersion | undefined
): Effect.fn.Return<Resumed, Problem> {
  const current = yield* source.list(filter)
  const decisions = access.makeDecisions(permissions[scoped?.verb ?? "list"])
  if (scoped === undefined) {
    yield* decisions.decide
    return seesAll(decisions, filter.namespace) ? { current, requireSame: () => Effect.void } : yield* expired
  }
  yield* decisions.decideCores(current.cores)
  if (!isSameScope(scoped, current.cores, decisions)) return yield* expired
  return {
    current,
    requireSame: (cores) =>
      Effect.andThen(
        withRetries(decisions.decideCores(cores)),
        Effect.suspend(() =>
          cores.some((core) => isWithdrawn(scoped, core, decisions)) ? Effect.fail(expired) : Effect.void
        )
      )
  }
})

/** Converts the events of the source to those that the caller receives. */
const showVisible = (
  view: WatchView,
  decisions: AccessDecisions,
  requireSame: Resumed["requireSame"] = () => Effect.void
) =>
  Stream.mapAccumArrayEffect(
    () => view,
    (view, events: ReadonlyArray<CoreChange>) =>
      withRetries(decisions.decideCores(toCores(events))).pipe(
        Effect.andThen(Effect.suspend(() => view.isCaughtUp ? Effect.void : requireSame(toCores(events)))),
        Effect.map(() => {
          const visible = events.flatMap((event) => {
            // A watch cannot resume within a replay, so the versions there need no scope.
            const isReplay = view.isReplaying && event.type !== "BOOKMARK"
            const visible = view.applyEvent(event)
            return isReplay ? visible : visible.map((event) => addEventScope(event, decisions))
          })
          return [view, visible] as const
        }),
        Effect.filterOrFail(() => !view.isExpired, () => expired)
      )
  )

/** Connects to the source again whenever decisions change: its replay contains the difference. Ends when the source ends. */
const reconnectOnChange = (
  source: Source,
  filter: ChangesOptions["filter"],
  view: WatchView,
  decisions: AccessDecisions,
  changedDecisions: Effect.Effect<ReadonlyArray<AccessDecision>, NotReady>
): Stream.Stream<CoreChange, Problem> => {
  // Applied between two connections: by then, all events under the old decisions have been handled.
  let changed: ReadonlyArray<AccessDecision> = []
  const applyOrExpire = (decided: ReadonlyArray<AccessDecision>) =>
    Effect.suspend(() => {
      if (!view.isCaughtUp || !view.isTracking) return Effect.fail(expired)
      changed = decided
      return Effect.void
    })
  const connection = Stream.suspend(() => {
    if (changed.length > 0) view.expire()
    decisions.apply(changed)
    changed = []
    view.connect()
    const { since } = view
    return source.changes({
      ...(filter === undefined ? {} : { filter }),
      ...(since === undefined ? {} : { since })
    }).pipe(
      Stream.interruptWhen(Effect.flatMap(changedDecisions, applyOrExpire)),
      Stream.concat(Stream.suspend(() => changed.length === 0 ? Stream.fail(ended) : Stream.empty))
    )
  })
  return Stream.forever(connection)
}

/**
 * The watch of a caller. While it runs, permissions are checked every `recheck`.
 *
 * - A caller who sees all cores, or all cores of the namespaces in the filter, gets the stream of the source.
 * - A caller who sees the cores of all pods, but not of nodes, gets the visible events.
 * - Other callers see cores by namespace. When their permissions change, the source replays the current cores, and the
 *   caller gets the difference to what was shown. If they see very many cores, the watch does not track them.
 *
 * A watch that does not track what it has shown, as the first two kinds, ends when permissions change, with
 * `ResourceVersionExpired`, and the client lists again. A watch of any kind also fails with it when it resumes from a
 * version at which the caller saw another part of the cores.
 */
export const authorizeChanges =
  (source: Source, access: CallerAccess, recheck: Duration.Input) =>
  (options: ChangesOptions = {}): Stream.Stream<CoreChange, Problem> =>
    Stream.unwrap(Effect.gen(function*(): Effect.fn.Return<Stream.Stream<CoreChange, Problem>, Problem> {
      const { filter, since } = options
      const decisions = access.makeDecisions(permissions.watch)
      yield* decisions.decide
      const namespaces = filter?.namespace
      if (namespaces !== undefined) yield* access.requireNamespaces(permissions.watch, decisions, namespaces)
      const changedDecisions = awaitChangedDecisions(decisions, recheck)
      const endOnChange = Stream.interruptWhen(Effect.andThen(changedDecisions, Effect.fail(expired)))
      const scoped = since === undefined ? undefined : parseScopedVersion(since)
      if (seesAll(decisions, namespaces)) {
        return scoped === undefined ? endOnChange(source.changes(options)) : yield* expired
      }

      const resumed = since === undefined ? undefined : yield* resume(source, access, filter, scoped)
      const view = new WatchView({
        isVisible: decisions.allows,
        tracksShown: !decisions.everywhere,
        since: scoped?.version ?? since
      })
      const show = showVisible(view, decisions, resumed?.requireSame)
      if (decisions.everywhere) {
        view.connect()
        return source.changes({ ...options, ...(view.since === undefined ? {} : { since: view.since }) })
          .pipe(endOnChange, show)
      }
      if (resumed !== undefined) {
        yield* decisions.decideCores(resumed.current.cores)
        view.load(resumed.current)
      }
      return reconnectOnChange(source, filter, view, decisions, changedDecisions).pipe(show)
    }))
