/**
 * Follows the pods that the API server has, for as long as it runs and whatever becomes of the API server: list, watch
 * from there, watch again from the last event or bookmark, list again where that is too old. Never ends, never fails.
 */
import { Clock, Duration, Effect, Option, Random, Schedule, Schema, Stream } from "effect"
import { KubeApi, KubeApiError } from "./KubeApi.ts"
import { Pod } from "./Pod.ts"

/** Which pods. */
export interface PodSelection {
  /** Without it those of all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /**
   * Whether the first list may be as old as the API server's cache. It costs the cluster's database nothing, so this is
   * for what runs on every node; the watch brings what is newer.
   */
  readonly cached?: boolean
}

/** Whoever wants to know of the pods. */
export interface PodListener {
  /** All there are. */
  readonly listed: (pods: ReadonlyArray<Pod>) => Effect.Effect<void>
  /** One is new or changed. */
  readonly changed: (pod: Pod) => Effect.Effect<void>
  /** One is gone; this was its last state. */
  readonly deleted: (pod: Pod) => Effect.Effect<void>
  /** Why what is known may be old, in words; undefined when all is well again. */
  readonly lacking: (why: string | undefined) => Effect.Effect<void>
}

const pageSize = 500
const maxPods = 50_000

const backoff = Schedule.min([Schedule.exponential("200 millis"), Schedule.spaced("5 seconds")]).pipe(
  Schedule.jittered
)
/** A watch that lasted this long was a good one: after it the waiting begins anew, with the shortest. */
const goodWatch = Duration.toMillis("5 seconds")
/**
 * How long a watch is asked for, in seconds: random, so that not all nodes ask anew at the same time, and short, since
 * only its end shows that the connection still carries anything.
 */
const watchSeconds = { min: 60, max: 120 }
/** How much longer than that it may take to end. */
const deadlineSlack = 10

const ResourceVersion = Schema.Struct({ metadata: Schema.Struct({ resourceVersion: Schema.String }) })

const PodPage = Schema.Struct({
  metadata: Schema.Struct({ resourceVersion: Schema.String, continue: Schema.optionalKey(Schema.String) }),
  items: Schema.Array(Schema.Unknown)
})

const WatchEvent = Schema.Struct({ type: Schema.String, object: Schema.Unknown })

const decodePage = Schema.decodeUnknownEffect(PodPage)
const decodeEvent = Schema.decodeUnknownEffect(WatchEvent)
const decodePod = Schema.decodeUnknownOption(Pod)
const decodeVersion = Schema.decodeUnknownOption(ResourceVersion)
const decodeCode = Schema.decodeUnknownOption(Schema.Struct({ code: Schema.Int }))

const malformed = (message: string) => new KubeApiError({ reason: "malformed", message })
const gone = new KubeApiError({ reason: "gone", message: "The API server does not remember that far back." })

const silent = new KubeApiError({ reason: "timeout", message: "The watch of pods did not end when it should have." })
const keepsVersion: ReadonlySet<string> = new Set([
  "unreachable",
  "timeout",
  "too-many-requests",
  "unauthorized",
  "forbidden"
])

const podsPath = (namespace: string | undefined) =>
  namespace === undefined ? "/api/v1/pods" : `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`

/** See the module's text. Logs when the API server goes and comes. */
export const followPods = Effect.fnUntraced(function*(
  selection: PodSelection,
  listener: PodListener
): Effect.fn.Return<never, never, KubeApi> {
  const api = yield* KubeApi
  const path = podsPath(selection.namespace)
  const { fieldSelector, labelSelector } = selection
  /** From where to watch on; undefined: list first. */
  let version: string | undefined
  let cached = selection.cached ?? false
  let odd = false
  let lacking: string | undefined

  const report = Effect.fnUntraced(function*(why: string | undefined) {
    if ((lacking === undefined) !== (why === undefined)) {
      yield* why === undefined
        ? Effect.logInfo("The API server tells of pods again")
        : Effect.logWarning("Pods are not followed at the moment").pipe(Effect.annotateLogs({ reason: why }))
    }
    lacking = why
    yield* listener.lacking(why)
  })

  /** A pod that cannot be read does not hide the others. */
  const podOf = (object: unknown): Effect.Effect<Option.Option<Pod>> => {
    const pod = decodePod(object)
    if (Option.isSome(pod) || odd) return Effect.succeed(pod)
    odd = true
    return Effect.as(Effect.logWarning("A pod is left out: it has not the form that pods have"), pod)
  }

  const list = Effect.gen(function*() {
    const pods: Array<Pod> = []
    const from = cached ? { resourceVersion: "0" } : {}
    let listedAt: string
    let next: string | undefined
    do {
      const page: typeof PodPage.Type = yield* api.get(path, {
        fieldSelector,
        labelSelector,
        limit: pageSize,
        ...(next === undefined ? from : { continue: next })
      }).pipe(
        Effect.flatMap(decodePage),
        Effect.catchTag("SchemaError", () => Effect.fail(malformed("The API server's answer is no list of pods.")))
      )
      for (const item of page.items) {
        const pod = yield* podOf(item)
        if (Option.isSome(pod)) pods.push(pod.value)
      }
      if (pods.length > maxPods) return yield* malformed(`There are more than ${maxPods} pods to follow.`)
      listedAt = page.metadata.resourceVersion
      next = page.metadata.continue
    } while (next !== undefined && next !== "")
    yield* listener.listed(pods)
    // Only now: a watch from the version of a list that broke off would never tell the pods that are there already.
    version = listedAt
  })

  const take = Effect.fnUntraced(function*(line: unknown) {
    const { object, type } = yield* Effect.mapError(
      decodeEvent(line),
      () => malformed("The API server sent something other than events of a watch.")
    )
    if (type === "ERROR") {
      const code = Option.map(decodeCode(object), ({ code }) => code)
      return yield* Option.contains(code, 410)
        ? gone
        : malformed(`The API server ended the watch with an error (${Option.getOrElse(code, () => "unknown")}).`)
    }
    const pod = type === "BOOKMARK" ? Option.none() : yield* podOf(object)
    if (Option.isSome(pod)) yield* type === "DELETED" ? listener.deleted(pod.value) : listener.changed(pod.value)
    version = Option.match(decodeVersion(object), {
      onNone: () => version,
      onSome: (found) => found.metadata.resourceVersion
    })
  })

  /** Watches until the server ends it, as it should. */
  const watch = Effect.gen(function*() {
    const timeoutSeconds = yield* Random.nextIntBetween(watchSeconds.min, watchSeconds.max)
    const events = yield* api.watch(path, {
      fieldSelector,
      labelSelector,
      allowWatchBookmarks: true,
      resourceVersion: version,
      timeoutSeconds
    })
    yield* report(undefined)
    let told = false
    yield* events.pipe(
      Stream.runForEach((line) => {
        told = true
        return take(line)
      }),
      Effect.timeoutOrElse({
        duration: Duration.seconds(timeoutSeconds + deadlineSlack),
        orElse: () => Effect.fail(silent)
      })
    )
    // Shortly before the end comes a bookmark. Without one the version may be none that this server ever had, as after
    // its database was restored: then nothing would come of it for ever.
    if (!told) version = undefined
  }).pipe(Effect.scoped)

  const round = Effect.gen(function*() {
    const listed = version === undefined
    if (listed) yield* list
    const begun = yield* Clock.currentTimeMillis
    const failed = yield* Effect.match(watch, { onFailure: (error) => error, onSuccess: () => undefined })
    const good = (yield* Clock.currentTimeMillis) - begun >= goodWatch
    // After a restart an API server remembers little: then all is listed at once, however long it was away.
    if (!good && (listed || failed?.reason !== "gone")) return yield* Effect.fail(failed)
    if (good) cached = selection.cached ?? false
    if (failed !== undefined) yield* lost(failed)
  })

  const lost = Effect.fnUntraced(function*(error: KubeApiError) {
    // Who was not reached may go on from here; who answered that it cannot, tells all of it anew.
    if (!keepsVersion.has(error.reason)) version = undefined
    if (error.reason === "gone") cached = false
    else yield* report(error.message)
  })

  const attempt = Effect.tapError(round, (error) => error === undefined ? Effect.void : lost(error))

  return yield* Effect.forever(Effect.ignore(Effect.retry(attempt, backoff)))
})
