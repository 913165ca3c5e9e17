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

const previous = new WeakMap<CoreEvent, CoreSummary>()

/** A change from one summary to another, see {@link previousOf}. */
export const modified = (before: CoreSummary, after: CoreSummary): CoreEvent => {
  const event: CoreEvent = { type: "MODIFIED", object: after }
  previous.set(event, before)
  return event
}

/**
 * What a core was before it was MODIFIED, where the event comes from an index of this process: whoever shows only a part
 * of a source's cores knows by it whether the core was among them. It is not told on the wire.
 */
export const previousOf = (event: CoreEvent): CoreSummary | undefined => previous.get(event)

/** How a watch over HTTP ends when it cannot go on: an event that carries a problem. */
export const ErrorEvent = Schema.Struct({ type: Schema.Literal("ERROR"), object: Schema.Json })
