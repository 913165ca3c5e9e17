import { Effect, Option, Schema } from "effect"
import { KubeApiError } from "../api/KubeApi.ts"

/** An event of a pod watch. The pod is not decoded yet. */
export interface WatchEvent {
  readonly type: string
  readonly object: unknown
  readonly resourceVersion: string | undefined
}

const decodeEvent = Schema.decodeUnknownEffect(Schema.Struct({ type: Schema.String, object: Schema.Unknown }))
const decodeVersion = Schema.decodeUnknownOption(
  Schema.Struct({ metadata: Schema.Struct({ resourceVersion: Schema.String }) })
)
const decodeCode = Schema.decodeUnknownOption(Schema.Struct({ code: Schema.Int }))

const malformed = (message: string) => new KubeApiError({ reason: "malformed", message })
const gone = new KubeApiError({ reason: "gone", message: "The resource version of the pod watch is expired." })

/** Parses a line of a watch. Fails for ERROR events. */
export const parseWatchEvent = Effect.fnUntraced(function*(
  line: unknown
): Effect.fn.Return<WatchEvent, KubeApiError> {
  const { object, type } = yield* Effect.mapError(
    decodeEvent(line),
    () => malformed("The Kubernetes API sent an invalid watch event.")
  )
  if (type === "ERROR") {
    const code = Option.map(decodeCode(object), ({ code }) => code)
    if (Option.contains(code, 410)) return yield* gone
    return yield* malformed(
      `The Kubernetes API ended the pod watch with an error (${Option.getOrElse(code, () => "unknown")}).`
    )
  }
  const resourceVersion = Option.getOrUndefined(decodeVersion(object))?.metadata.resourceVersion
  return { type, object, resourceVersion }
})
