/** What is to be remembered of a request while it is answered: for its log line, and for errors to name it. */
import { type CoreRef, type CoreSummary, CurrentPrincipal, type Principal } from "@koredump/core"
import { Context, Effect } from "effect"

/** See the module's text. The fields that are not `readonly` are filled in as they become known. */
export interface RequestInfoFields {
  /** The request's own `X-Request-Id` where it is a sane one, else a new one. */
  readonly id: string
  /** Bytes of the body sent, where the response does not tell. */
  bytes?: number
  /** Where the body broke off: 499 if the client went, else 500. */
  brokenOff?: 499 | 500
  user?: string
  /** What was done that must be accounted for. */
  readonly audits: Array<AuditEntry>
}

/** Who had to do with which core. */
export interface AuditEntry {
  readonly action: "download" | "delete" | "read-environment"
  readonly principal: Principal
  readonly core: AuditedCore
}

/** A core as the audit log names it: its pod where that is known. */
export type AuditedCore = CoreRef & Pick<Partial<CoreSummary>, "namespace" | "pod">

/** The request at hand. */
export class RequestInfo extends Context.Service<RequestInfo, RequestInfoFields>()("@koredump/server/RequestInfo") {}

/** Remembers who asks. */
export const setUser = (user: string): Effect.Effect<void> =>
  Effect.map(Effect.serviceOption(RequestInfo), (info) => {
    if (info._tag === "Some") info.value.user = user
  })

/** Remembers that so many bytes of the body have been sent. */
export const addBytes = (bytes: number): Effect.Effect<void> =>
  Effect.map(Effect.serviceOption(RequestInfo), (info) => {
    if (info._tag === "Some") info.value.bytes = (info.value.bytes ?? 0) + bytes
  })

/** Remembers for the audit log what the caller does with a core. */
export const addAudit = Effect.fnUntraced(function*(action: AuditEntry["action"], core: AuditedCore) {
  const principal = yield* CurrentPrincipal
  const info = yield* Effect.serviceOption(RequestInfo)
  if (info._tag === "Some") info.value.audits.push({ action, principal, core })
})
