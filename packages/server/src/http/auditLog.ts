/** The audit log: who downloaded or deleted which core, or read its environment, from where, and what came of it. */
import { Effect, References } from "effect"
import type { AuditEntry } from "./RequestInfo.ts"

/** What is known of the request when its answer has been sent. */
export interface AuditedRequest {
  readonly method: string
  readonly status: number
  readonly bytes: number
  readonly request_id: string
  /** The other end of the connection: what a proxy says of others is not believed. */
  readonly remote: string | undefined
}

/** Names come from callers and nodes: none can make a line of its own, or a long one. */
const plain = (text: string) => text.slice(0, 256).replace(/[^\x20-\x7e]/g, "?")

/** Writes the line, whatever the level of the log is. Refused attempts have a status from 400 on. */
export const auditLog = (
  { action, core, principal }: AuditEntry,
  { bytes, method, remote, request_id, status }: AuditedRequest
): Effect.Effect<void> =>
  Effect.logInfo("audit").pipe(
    Effect.annotateLogs({
      action,
      user: plain(principal.username),
      groups: principal.groups.map(plain).join(","),
      node: plain(core.node),
      id: core.id,
      ...(core.namespace === undefined ? {} : { namespace: plain(core.namespace) }),
      ...(core.pod === undefined ? {} : { pod: plain(core.pod) }),
      ...(remote === undefined ? {} : { remote }),
      method,
      status,
      bytes,
      request_id
    }),
    Effect.provideService(References.MinimumLogLevel, "Info")
  )
