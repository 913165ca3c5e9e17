import { CoreSource } from "@koredump/core"
import { Effect } from "effect"
import { addAudit, type AuditEntry } from "../middleware/RequestInfo.ts"
import { parseCoreRef } from "./parseCoreRef.ts"

/**
 * Records an attempt for the audit log, whatever its result. Must run with the source before authorization: the log names
 * the pod of a core even if the caller cannot see it.
 */
export const recordAudit = Effect.fnUntraced(function*(
  action: AuditEntry["action"],
  params: Parameters<typeof parseCoreRef>[0]
) {
  const { id, node } = yield* parseCoreRef(params)
  const source = yield* CoreSource
  const core = yield* source.list({ id: [id], node: [node], state: "any" }).pipe(
    Effect.map(({ cores }) => cores[0]),
    Effect.orElseSucceed(() => undefined)
  )
  yield* addAudit(action, core ?? { id, node })
}, (recorded) => Effect.ignore(recorded))
