import { Effect, References } from "effect"
import type { AuditEntry } from "./RequestInfo.ts"

/** The request of an action. */
export interface AuditedRequest {
  readonly method: string
  readonly request_id: string
  /** The remote address of the connection. Headers of proxies are not trusted. */
  readonly remote: string | undefined
}

/** What is known after the response was sent. */
interface AuditedResult {
  readonly status: number
  readonly bytes: number
}

/** Names come from callers and nodes. They must not add lines to the log, or very long ones. */
const sanitize = (text: string) => text.slice(0, 256).replace(/[^\x20-\x7e]/g, "?")

/**
 * Writes a line of the audit log: who downloads or deletes which core, or reads its environment, from where, and the
 * result. Each action has two lines: one before it starts, without a result, and one when it has ended. They are written
 * at any log level. Rejected attempts have a status of 400 or more.
 */
export const writeAuditLog = (
  { action, core, principal }: AuditEntry,
  { method, remote, request_id }: AuditedRequest,
  result?: AuditedResult
): Effect.Effect<void> =>
  Effect.logInfo("audit").pipe(
    Effect.annotateLogs({
      event: result === undefined ? "start" : "end",
      action,
      user: sanitize(principal.username),
      groups: principal.groups.map(sanitize).join(","),
      node: sanitize(core.node),
      id: core.id,
      ...(core.namespace === undefined ? {} : { namespace: sanitize(core.namespace) }),
      ...(core.pod === undefined ? {} : { pod: sanitize(core.pod) }),
      ...(remote === undefined ? {} : { remote }),
      method,
      ...result,
      request_id
    }),
    Effect.provideService(References.MinimumLogLevel, "Info")
  )
