import { Context, type Effect, type Redacted } from "effect"
import type { NotReady, TooManyRequests, Unauthorized } from "../model/Problem.ts"

/** An authenticated caller. The fields are those of a Kubernetes TokenReview's `status.user`. */
export interface Principal {
  readonly username: string
  readonly uid?: string
  readonly groups: ReadonlyArray<string>
  readonly extra?: Readonly<Record<string, ReadonlyArray<string>>>
}

/** Where a token comes from. */
export interface TokenOrigin {
  /** The other end of the connection. */
  readonly remoteAddress?: string
}

/**
 * Authenticates bearer tokens. Fails with `NotReady` if the token cannot be checked at the moment, and with
 * `TooManyRequests` if too many tokens of the same origin are being checked or were rejected.
 */
export class Authenticator extends Context.Service<Authenticator, {
  readonly authenticate: (
    token: Redacted.Redacted,
    origin?: TokenOrigin
  ) => Effect.Effect<Principal, Unauthorized | NotReady | TooManyRequests>
  /** Why authentication fails at the moment. Undefined if it works. */
  readonly degradedReason?: Effect.Effect<string | undefined>
}>()("@koredump/core/Authenticator") {}
