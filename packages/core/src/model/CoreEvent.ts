/** Events of a watch. They have the shape of Kubernetes watch events. */
import { Schema } from "effect"
import { CoreSummary } from "./Core.ts"

/**
 * An event as clients receive it.
 *
 * - `ADDED`: a core came into view: it crashed, or a change made it match the filter.
 * - `MODIFIED`: a core changed.
 * - `DELETED`: a core left the view. The object is its last state in view, with the version of the deletion.
 * - `BOOKMARK`: the watch can be resumed from this version. Ends a replay, and serves as heartbeat.
 */
export const CoreEvent = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["ADDED", "MODIFIED", "DELETED"]), object: CoreSummary }),
  Schema.Struct({
    type: Schema.Literal("BOOKMARK"),
    object: Schema.Struct({ resourceVersion: Schema.String })
  })
]).annotate({ identifier: "CoreEvent" })
export type CoreEvent = typeof CoreEvent.Type

type Bookmark = Extract<CoreEvent, { readonly type: "BOOKMARK" }>

/**
 * An event inside this process. A `MODIFIED` event from an index has the core as it was before in `previous`, so that a
 * filter of the stream can check whether the core was visible. `previous` is not part of the wire form: encoding a
 * `CoreEvent` drops it, because a client must not see a core without permission for it.
 */
export type CoreChange = Bookmark | (Exclude<CoreEvent, Bookmark> & { readonly previous?: CoreSummary })

/** The last event of a watch that fails: it carries the problem. */
export const ErrorEvent = Schema.Struct({ type: Schema.Literal("ERROR"), object: Schema.Json })
