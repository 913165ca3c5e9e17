/** Requests that the audit log tells of, whatever comes of them. */
import { CoreSource } from "@koredump/core"
import { Effect } from "effect"
import { addAudit, type AuditEntry } from "../http/RequestInfo.ts"
import { coreRef } from "./coreRef.ts"

/** Remembers what is asked for, over the source as it is: the log names the pod of a core that the caller may not see. */
export const audited = Effect.fnUntraced(function*(
  action: AuditEntry["action"],
  params: Parameters<typeof coreRef>[0]
) {
  const { id, node } = yield* coreRef(params)
  const source = yield* CoreSource
  const core = yield* source.list({ id: [id], node: [node], state: "any" }).pipe(
    Effect.map(({ cores }) => cores[0]),
    Effect.orElseSucceed(() => undefined)
  )
  yield* addAudit(action, core ?? { id, node })
}, (remembered) => Effect.ignore(remembered))
