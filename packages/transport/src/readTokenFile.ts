import { isBearerToken, makeFailureLog, NodeFailed } from "@koredump/core"
import { type Duration, Effect, Redacted } from "effect"
import { HttpNodeConnectorError } from "./HttpNodeConnectorError.ts"
import { readCheckedFile } from "./readCheckedFile.ts"

/**
 * Reads a bearer token from a file. Returns an Effect with the current token: it reads the file again after
 * `reloadInterval`, because Kubernetes replaces a token before it expires. While the file is not usable, that Effect fails
 * with `NodeFailed`, and the reason is logged once.
 *
 * Fails if the file is not usable now.
 */
export const readTokenFile = Effect.fnUntraced(function*(path: string, reloadInterval: Duration.Input) {
  const read = Effect.map(
    readCheckedFile(path, isBearerToken, "no valid token in the file"),
    (token) => Redacted.make(token)
  )
  yield* Effect.mapError(
    read,
    ({ message }) =>
      new HttpNodeConnectorError({
        message: `Node token file ${path}: ${message}. Pass a readable file that contains one bearer token.`
      })
  )
  const log = makeFailureLog({ failed: "Node token file not usable", level: "Error" })
  return yield* read.pipe(
    Effect.tap(log.recovered),
    Effect.tapError(({ message }) => Effect.annotateLogs(log.failed(message), { file: path })),
    Effect.mapError(() =>
      new NodeFailed({ detail: "The cluster server has no valid token for the node agents, see its log." })
    ),
    Effect.cachedWithTTL(reloadInterval)
  )
})
