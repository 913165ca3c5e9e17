/** Who asks. */
import { Context, type Effect, type Redacted } from "effect"
import type { NotReady, Unauthorized } from "../model/Problem.ts"

/** A caller whose token was accepted; the words are Kubernetes'. */
export interface Principal {
  readonly username: string
  readonly uid?: string
  readonly groups: ReadonlyArray<string>
  /** What the authenticator adds, as in a TokenReview's `status.user.extra`. */
  readonly extra?: Readonly<Record<string, ReadonlyArray<string>>>
}

/** Turns a bearer token into a principal. Fails with `NotReady` where whoever knows the tokens cannot be asked. */
export class Authenticator extends Context.Service<Authenticator, {
  readonly authenticate: (token: Redacted.Redacted) => Effect.Effect<Principal, Unauthorized | NotReady>
  /** Why it fails at present, in words; undefined when all is well. Left out where nobody is asked. */
  readonly degradedReason?: Effect.Effect<string | undefined>
}>()("@koredump/core/Authenticator") {}
