/** What is to be remembered of a request while it is answered: for its log line, and for errors to name it. */
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
}

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
