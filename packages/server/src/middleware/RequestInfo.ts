/** What is recorded about a request while it is answered, for its log entry, the audit log and error responses. */
import { type CoreRef, type CoreSummary, CurrentPrincipal, type Principal } from "@koredump/core"
import { Context, Effect } from "effect"

/** The mutable fields are set as soon as they are known. */
export interface RequestInfoFields {
  /** The request's own `X-Request-Id` if it is valid, else a new one. */
  readonly id: string
  /** Bytes of the body sent, if the response does not contain its length. */
  bytes?: number
  /** Set if the body was not sent completely. 499: the client disconnected. 500: the body failed. */
  abortStatus?: 499 | 500
  user?: string
  /** Writes the first line of an action to the audit log. The last line follows after the response was sent. */
  readonly audit: (entry: AuditEntry) => Effect.Effect<void>
}

/** An action for the audit log. */
export interface AuditEntry {
  readonly action: "download" | "delete" | "read-environment"
  readonly principal: Principal
  readonly core: AuditedCore
}

/** A core in the audit log, with its pod if it is known. */
type AuditedCore = CoreRef & Pick<Partial<CoreSummary>, "namespace" | "pod">

/** The current request. */
export class RequestInfo extends Context.Service<RequestInfo, RequestInfoFields>()("@koredump/server/RequestInfo") {}

/** Records the name of the caller. */
export const setUser = (user: string): Effect.Effect<void> =>
  Effect.map(Effect.serviceOption(RequestInfo), (info) => {
    if (info._tag === "Some") info.value.user = user
  })

/** Records that this number of bytes of the body was sent. */
export const addBytes = (bytes: number): Effect.Effect<void> =>
  Effect.map(Effect.serviceOption(RequestInfo), (info) => {
    if (info._tag === "Some") info.value.bytes = (info.value.bytes ?? 0) + bytes
  })

/**
 * Records an action of the caller for the audit log. Call this before the action: if the server is killed during it, its
 * first line is the only one.
 */
export const addAudit = Effect.fnUntraced(function*(action: AuditEntry["action"], core: AuditedCore) {
  const principal = yield* CurrentPrincipal
  const info = yield* Effect.serviceOption(RequestInfo)
  if (info._tag === "Some") yield* info.value.audit({ action, principal, core })
})
