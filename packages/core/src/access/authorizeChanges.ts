/** The watch of an authorized source: what `authorizeCoreSource` does, for as long as it runs and rights change. */
import { Clock, type Duration, Effect, Schedule, Stream } from "effect"
import { type CoreEvent, previousOf } from "../model/CoreEvent.ts"
import { NodeFailed, NotReady, type Problem, ResourceVersionExpired } from "../model/Problem.ts"
import type { ChangesOptions, CoreList, CoreSource } from "../source/CoreSource.ts"
import type { AccessChanges, AccessDecisions } from "./AccessDecisions.ts"
import { isSameScope, parseScopedVersion, scopedVersion, type ScopeVerb } from "./scopedVersion.ts"
import { WatchView } from "./WatchView.ts"

/** What of the authorization a watch needs. */
export interface WatchAuthorization {
  readonly recheck: Duration.Input
  /** The right to list or to watch, nothing decided yet. */
  readonly rights: (verb: ScopeVerb) => AccessDecisions
  /** Fails where none of the namespaces may be watched. */
  readonly permitNamespaces: (
    rights: AccessDecisions,
    namespaces: ReadonlyArray<string>
  ) => Effect.Effect<ReadonlyArray<string>, Problem>
}

/** What is hidden is asked about less often than what is shown: there may be many more namespaces of others. */
const roundsOfAll = 5

/** A watch outlasts an authorizer that is away, or silent, for a moment: what is not decided waits. Then it ends. */
const patiently = <A>(question: Effect.Effect<A, NotReady>): Effect.Effect<A, NotReady> =>
  question.pipe(
    Effect.retry(Schedule.spaced("1 second")),
    Effect.timeoutOrElse({
      duration: "10 seconds",
      orElse: () => Effect.fail(new NotReady({ detail: "Who may see what is not known at present." }))
    })
  )

const expired = new ResourceVersionExpired({
  detail: "What you may see has changed. List again, and watch from the version of that list."
})

const ended = new NodeFailed({ detail: "The watch ended." })

/** Waits until something about the rights is different, and answers what. */
const untilDifferent = (rights: AccessDecisions, recheck: Duration.Input): Effect.Effect<AccessChanges, NotReady> => {
  let round = 0
  return Effect.suspend(() => patiently(rights.review(++round % roundsOfAll === 0 ? "all" : "allowed"))).pipe(
    Effect.delay(recheck),
    Effect.repeat({ until: (different) => different.length > 0 })
  )
}

/** The event with the version as it is for one who sees a part. */
const versioned = (event: CoreEvent, rights: AccessDecisions): CoreEvent => {
  const resourceVersion = scopedVersion(event.object.resourceVersion, "watch", rights)
  return event.type === "BOOKMARK"
    ? { ...event, object: { resourceVersion } }
    : { ...event, object: { ...event.object, resourceVersion } }
}

const isWhole = (rights: AccessDecisions, namespaces: ReadonlyArray<string> | undefined) =>
  rights.everywhere && (rights.onNodes || namespaces !== undefined)

const coresOf = (events: ReadonlyArray<CoreEvent>) =>
  events.flatMap((event) => event.type === "BOOKMARK" ? [] : [event.object, previousOf(event) ?? event.object])

/**
 * - Who may see all gets the source's own stream; so does who asks for namespaces and may see them all.
 * - Who may see the cores of all pods, but not those of nodes, gets what is visible of it.
 * - Others are shown cores by namespace. When their rights change, so does what they see: the present cores are gone
 *   through again, and the difference to what was shown is told.
 *
 * The first two remember nothing of what they were shown, however many cores that is: when their rights change the watch
 * ends with `ResourceVersionExpired`, and the client lists again. So does, in all three cases, a watch that would go on
 * from a version at which another part of the cores was shown.
 */
export const authorizeChanges =
  (source: CoreSource["Service"], { permitNamespaces, recheck, rights: makeRights }: WatchAuthorization) =>
  (options: ChangesOptions = {}): Stream.Stream<CoreEvent, Problem> =>
    Stream.unwrap(Effect.gen(function*(): Effect.fn.Return<Stream.Stream<CoreEvent, Problem>, Problem> {
      const rights = makeRights("watch")
      yield* rights.decide
      const namespaces = options.filter?.namespace
      if (namespaces !== undefined) yield* permitNamespaces(rights, namespaces)
      const untilOther = untilDifferent(rights, recheck)
      const whileSame = Stream.interruptWhen(Effect.andThen(untilOther, Effect.fail(expired)))
      const part = options.since === undefined ? undefined : parseScopedVersion(options.since)
      if (isWhole(rights, namespaces)) return part === undefined ? whileSame(source.changes(options)) : yield* expired

      let own = options
      let present: CoreList | undefined
      if (options.since !== undefined) {
        present = yield* source.list(options.filter ?? {})
        const before = makeRights(part?.verb ?? "list")
        yield* before.decideNamespaces(part?.names?.filter((name) => name !== "*" && name !== "@") ?? [])
        yield* before.decideCores(present.cores)
        const isSame = part === undefined ? isWhole(before, namespaces) : isSameScope(part, present.cores, before)
        if (!isSame) return yield* expired
        own = { ...options, since: part?.version ?? options.since }
      }

      const view = new WatchView(rights.allows, !rights.everywhere)
      const show = Stream.mapAccumArrayEffect(
        () => view,
        (view, events: ReadonlyArray<CoreEvent>) =>
          rights.decideCores(coresOf(events)).pipe(
            patiently,
            Effect.andThen(Clock.currentTimeMillis),
            Effect.map((now) => {
              const told = events.flatMap((event) => {
                // Of a replay's versions none is one to go on from.
                const isReplay = view.isReplaying && event.type !== "BOOKMARK"
                const told = view.take(event, now)
                return isReplay ? told : told.map((event) => versioned(event, rights))
              })
              return [view, told] as const
            })
          )
      )
      if (rights.everywhere) {
        if (own.since === undefined) view.beginReplay()
        return source.changes(own).pipe(whileSame, show)
      }

      if (present !== undefined && own.since !== undefined) {
        yield* rights.decideCores(present.cores)
        view.seed(present, own.since)
      }
      let from = own
      // Taken over between two connections, when nothing is under way that was decided otherwise.
      let other: AccessChanges = []
      const connection = Stream.suspend(() => {
        const { since, ...rest } = from
        from = rest
        rights.take(other)
        other = []
        if (since === undefined) view.beginReplay()
        return source.changes(since === undefined ? rest : { ...rest, since }).pipe(
          Stream.interruptWhen(
            Effect.flatMap(untilOther, (different) =>
              view.isCaughtUp
                ? Effect.sync(() => {
                  other = different
                })
                : Effect.fail(expired))
          ),
          Stream.concat(Stream.suspend(() => other.length === 0 ? Stream.fail(ended) : Stream.empty))
        )
      })
      return connection.pipe(Stream.forever, show)
    }))
