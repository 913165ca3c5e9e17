import { isBearerToken, maxTokenLength, type Problem, Unauthorized } from "@koredump/core"
import { Effect, Redacted } from "effect"
import type { RemoteOptions } from "./RemoteOptions.ts"

const unusable = (detail: string) => new Unauthorized({ detail })

/** An Effect that returns the current token, or `undefined` if requests need none. No error contains the token. */
export const readToken = (
  token: RemoteOptions["token"]
): Effect.Effect<Redacted.Redacted, Problem> | undefined => {
  if (token === undefined || token === "") return undefined
  const current: Effect.Effect<string | Redacted.Redacted, Problem> = typeof token === "function"
    ? Effect.tryPromise({
      try: async () => token(),
      catch: () => unusable("Cannot get a token: the token function failed.")
    })
    : Effect.isEffect(token)
    ? token
    : Effect.succeed(token)
  return current.pipe(
    Effect.map((token) => Redacted.isRedacted(token) ? token : Redacted.make(token)),
    // HTTP clients quote an invalid header value in their error, so an invalid token must not get that far.
    Effect.filterOrFail(
      (token) => isBearerToken(Redacted.value(token)),
      () =>
        unusable(
          `The token is invalid: it must be 1 to ${maxTokenLength} visible ASCII characters, without spaces or line breaks.`
        )
    )
  )
}
