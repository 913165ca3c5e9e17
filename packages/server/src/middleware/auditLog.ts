import { Effect, References } from "effect"
import type { AuditEntry } from "./RequestInfo.ts"

/** What is known about a request after its response was sent. */
interface AuditedRequest {
  readonly method: string
  readonly status: number
  readonly bytes: number
  readonly request_id: string
  /** The remote address of the connection. Headers of proxies are not trusted. */
  readonly remote: string | undefined
}

/** Names come from callers and nodes. They must not add lines to the log, or very long ones. */
const sanitize = (text: string) => text.slice(0, 256).replace(/[^\x20-\x7e]/g, "?")

/**
 * Writes an entry of the audit log: who downloaded or deleted which core, or read its environment, from where, and the
 * result. It is written at any log level. Rejected attempts have a status of 400 or more.
 */
export const writeAuditLog = (
  { action, core, principal }: AuditEntry,
  { bytes, method, remote, request_id, status }: AuditedRequest
): Effect.Effect<void> =>
  Effect.logInfo("audit").pipe(
    Effect.annotateLogs({
      action,
      user: sanitize(principal.username),
      groups: principal.groups.map(sanitize).join(","),
      node: sanitize(core.node),
      id: core.id,
      ...(core.namespace === undefined ? {} : { namespace: sanitize(core.namespace) }),
      ...(core.pod === undefined ? {} : { pod: sanitize(core.pod) }),
      ...(remote === undefined ? {} : { remote }),
      method,
      status,
      bytes,
      request_id
    }),
    Effect.provideService(References.MinimumLogLevel, "Info")
  )
