/** A bearer token in a file: Kubernetes puts a new one there long before the old one expires. */
import { NodeFailed } from "@koredump/core"
import { type Duration, Effect, Redacted } from "effect"
import { readFile } from "node:fs/promises"
import { HttpNodeConnectorError } from "./HttpNodeConnectorError.ts"

// What may stand in a header, and no more than servers take.
const tokenPattern = /^[\x21-\x7e]{1,8192}$/

const read = (path: string): Effect.Effect<Redacted.Redacted, HttpNodeConnectorError> =>
  Effect.tryPromise({
    try: () => readFile(path, "latin1"),
    catch: (error) =>
      new HttpNodeConnectorError({
        message: `The token file ${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown"}).`
      })
  }).pipe(
    Effect.map((text) => text.trim()),
    Effect.filterOrFail(
      (token) => tokenPattern.test(token),
      () => new HttpNodeConnectorError({ message: `The token file ${path} holds no token.` })
    ),
    Effect.map((token) => Redacted.make(token))
  )

/** The token that the file holds, read again after `timeToLive`. Fails at once where the file has none now. */
export const tokenFromFile = Effect.fnUntraced(function*(path: string, timeToLive: Duration.Input) {
  yield* read(path)
  let complaint: string | undefined
  return yield* read(path).pipe(
    Effect.tap(() =>
      Effect.sync(() => {
        complaint = undefined
      })
    ),
    Effect.tapError(({ message }) => {
      if (message === complaint) return Effect.void
      complaint = message
      return Effect.logError(message)
    }),
    Effect.mapError(() =>
      new NodeFailed({ detail: "This server has no token for its nodes at present; its log says why." })
    ),
    Effect.cachedWithTTL(timeToLive)
  )
})
