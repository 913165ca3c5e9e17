import { Effect, Option, Schema } from "effect"
import { type KubeApi, KubeApiError, type KubeQuery } from "../api/KubeApi.ts"
import type { DecodePod, Pod } from "./Pod.ts"

const pageSize = 100
const maxPods = 50_000
/** Pages may be short. A list without end must not be followed. */
const maxPages = 2000

const PodPage = Schema.Struct({
  metadata: Schema.Struct({ resourceVersion: Schema.String, continue: Schema.optionalKey(Schema.String) }),
  items: Schema.Array(Schema.Unknown)
})

const decodePage = Schema.decodeUnknownEffect(PodPage)

const malformed = (message: string) => new KubeApiError({ reason: "malformed", message })

/** A complete list of pods. */
interface PodList {
  readonly pods: ReadonlyArray<Pod>
  /** Where a watch continues. */
  readonly resourceVersion: string
}

/** Lists pods page by page. `resourceVersion` is the minimum version of the first page. */
export const listPods = Effect.fnUntraced(function*(
  api: KubeApi["Service"],
  path: string,
  { resourceVersion, ...selectors }: KubeQuery,
  decodePod: DecodePod
): Effect.fn.Return<PodList, KubeApiError> {
  const pods: Array<Pod> = []
  let start: KubeQuery = { resourceVersion }
  for (let n = 0; n < maxPages; n++) {
    const page: typeof PodPage.Type = yield* api.get(path, { ...selectors, limit: pageSize, ...start }).pipe(
      Effect.flatMap(decodePage),
      Effect.catchTag(
        "SchemaError",
        () => Effect.fail(malformed("The Kubernetes API did not return a valid list of pods."))
      )
    )
    for (const item of page.items) {
      const pod = yield* decodePod(item)
      if (Option.isSome(pod)) pods.push(pod.value)
    }
    if (pods.length > maxPods) {
      return yield* malformed(`There are more than ${maxPods} pods, which is too many to watch.`)
    }
    const next = page.metadata.continue ?? ""
    if (next === "") return { pods, resourceVersion: page.metadata.resourceVersion }
    start = { continue: next }
  }
  return yield* malformed(`The Kubernetes API returned a list of pods with more than ${maxPages} pages.`)
})
