/** What a watch tells. The shape is that of Kubernetes watch events. */
import { Schema } from "effect"
import { CoreSummary } from "./Core.ts"

/**
 * - `ADDED`: a core came into view (it crashed, or a change made it match the filter)
 * - `MODIFIED`: it changed
 * - `DELETED`: it left the view; the object is the last that was shown, with the version of its going
 * - `BOOKMARK`: nothing happened, and a watch can be resumed from this version
 */
export const CoreEvent = Schema.Union([
  Schema.Struct({ type: Schema.Literals(["ADDED", "MODIFIED", "DELETED"]), object: CoreSummary }),
  Schema.Struct({
    type: Schema.Literal("BOOKMARK"),
    object: Schema.Struct({ resourceVersion: Schema.String })
  })
]).annotate({ identifier: "CoreEvent" })
export type CoreEvent = typeof CoreEvent.Type

/** How a watch over HTTP ends when it cannot go on: an event that carries a problem. */
export const ErrorEvent = Schema.Struct({ type: Schema.Literal("ERROR"), object: Schema.Json })
