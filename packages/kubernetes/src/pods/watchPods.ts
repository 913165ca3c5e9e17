import { exponentialBackoff, makeFailureLog } from "@koredump/core"
import { Clock, Duration, Effect, Option, Random, Stream } from "effect"
import { KubeApi, KubeApiError } from "../api/KubeApi.ts"
import { listPods } from "./listPods.ts"
import { parseWatchEvent, type WatchEvent } from "./parseWatchEvent.ts"
import { makeDecodePod, type Pod } from "./Pod.ts"
import { type EndedWatch, isStable, needsBackoff, PodWatchPosition } from "./PodWatchPosition.ts"

/** Selects pods. */
export interface PodSelection {
  /** Default: all namespaces. */
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  /**
   * Whether the first list can come from the cache of the Kubernetes API. Use this for watches on every node, because it
   * does not read from the database of the cluster. The watch then sends newer changes.
   */
  readonly cached?: boolean
}

/** Receives the pods of a watch. */
export interface PodListener {
  /** All pods. Replaces those of earlier events. */
  readonly onList: (pods: ReadonlyArray<Pod>) => Effect.Effect<void>
  /** A pod was added or modified. */
  readonly onChange: (pod: Pod) => Effect.Effect<void>
  /** A pod was deleted. Contains its last state. */
  readonly onDelete: (pod: Pod) => Effect.Effect<void>
  /** Why the pods may be stale, as a sentence for operators. Undefined when the watch works again. */
  readonly onStatus: (degradedReason: string | undefined) => Effect.Effect<void>
}

const backoff = exponentialBackoff("200 millis", "5 seconds")
/**
 * Duration of a watch, in seconds. Random, so that nodes do not all reconnect at the same time. Short, because only the end of the
 * watch shows that the connection still works.
 */
const watchSeconds = { min: 60, max: 120 }
/** How many seconds late the watch can end. */
const endTolerance = 10

const notEnded = new KubeApiError({ reason: "timeout", message: "The pod watch did not end in time." })

const toPath = (namespace: string | undefined) =>
  namespace === undefined ? "/api/v1/pods" : `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods`

/** The reason for the log and for warnings. */
const toReason = (namespace: string | undefined, { message, reason }: KubeApiError): string =>
  reason === "forbidden"
    ? `koredump has no permission to list and watch pods${
      namespace === undefined ? "" : ` in namespace "${namespace}"`
    }. ${message} ` +
      "Grant the verbs list and watch on pods to its service account, or set rbac.create in the Helm chart."
    : message

/**
 * Watches pods: lists them, watches from there, continues from the last event or bookmark, and lists again if that version
 * is expired. Retries failures and logs them. Never ends and never fails.
 */
export const watchPods = Effect.fnUntraced(function*(
  { cached = false, fieldSelector, labelSelector, namespace }: PodSelection,
  listener: PodListener
): Effect.fn.Return<never, never, KubeApi> {
  const api = yield* KubeApi
  const path = toPath(namespace)
  const selectors = { fieldSelector, labelSelector }
  const position = new PodWatchPosition(cached)
  const decodePod = makeDecodePod()
  const log = makeFailureLog({ failed: "Pod watch failed", recovered: "Pod watch recovered" })

  const list = Effect.gen(function*() {
    const { pods, resourceVersion } = yield* listPods(
      api,
      path,
      { ...selectors, resourceVersion: position.listVersion },
      decodePod
    )
    yield* listener.onList(pods)
    // Only after a complete list: a watch does not send the pods that were there before its version.
    position.resourceVersion = resourceVersion
  })

  const onEvent = Effect.fnUntraced(function*({ object, resourceVersion, type }: WatchEvent) {
    const pod = type === "BOOKMARK" ? Option.none() : yield* decodePod(object)
    if (Option.isSome(pod)) yield* type === "DELETED" ? listener.onDelete(pod.value) : listener.onChange(pod.value)
    if (resourceVersion !== undefined) position.resourceVersion = resourceVersion
  })

  /** Watches until the Kubernetes API ends the watch. */
  const watch = Effect.gen(function*() {
    const timeoutSeconds = yield* Random.nextIntBetween(watchSeconds.min, watchSeconds.max)
    const events = yield* api.watch(path, {
      ...selectors,
      allowWatchBookmarks: true,
      resourceVersion: position.resourceVersion,
      timeoutSeconds
    })
    yield* log.recovered
    yield* listener.onStatus(undefined)
    let hasEvents = false
    yield* events.pipe(
      Stream.runForEach((line) => {
        hasEvents = true
        return Effect.flatMap(parseWatchEvent(line), onEvent)
      }),
      Effect.timeoutOrElse({
        duration: Duration.seconds(timeoutSeconds + endTolerance),
        orElse: () => Effect.fail(notEnded)
      })
    )
    position.onEnded(hasEvents)
  }).pipe(Effect.scoped)

  const onFailure = Effect.fnUntraced(function*(error: KubeApiError) {
    position.onFailure(error)
    if (error.reason === "gone") return
    const reason = toReason(namespace, error)
    yield* log.failed(reason)
    yield* listener.onStatus(reason)
  })

  const listAndWatch = Effect.gen(function*(): Effect.fn.Return<EndedWatch, KubeApiError> {
    const hasListed = position.resourceVersion === undefined
    if (hasListed) yield* list
    const startedAt = yield* Clock.currentTimeMillis
    const failure = yield* Effect.match(watch, { onFailure: (error) => error, onSuccess: () => undefined })
    return { failure, hasListed, lasted: (yield* Clock.currentTimeMillis) - startedAt }
  })

  /** Fails if the next attempt must wait. */
  const attempt = Effect.gen(function*() {
    const ended = yield* Effect.tapError(listAndWatch, onFailure)
    if (isStable(ended)) position.onStable()
    if (ended.failure !== undefined) yield* onFailure(ended.failure)
    if (needsBackoff(ended)) return yield* Effect.fail("retry")
  })

  return yield* Effect.forever(Effect.ignore(Effect.retry(attempt, backoff)))
})
