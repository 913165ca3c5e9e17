import { Effect } from "effect"
import type { CoreSummary } from "../model/Core.ts"
import { CoreNotStored } from "../model/Problem.ts"

/** Fails with `CoreNotStored` if the file of this core is missing. The reason of the core becomes the detail. */
export const requireStored = (
  { id, node, reason, state }: Pick<CoreSummary, "id" | "node" | "reason" | "state">
): Effect.Effect<void, CoreNotStored> =>
  state === "missing"
    ? Effect.fail(new CoreNotStored({ id, node, ...(reason === undefined ? {} : { detail: reason }) }))
    : Effect.void
