/**
 * Static tokens in Kubernetes' format, a line each: `token,user,uid,"group1,group2"`; uid and groups may be left out.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
 */
import { Authenticator, type Principal, Unauthorized } from "@koredump/core"
import { Effect, FileSystem, Layer, Redacted, Result, Stream } from "effect"
import { Csv } from "effect/encoding"
import { createHmac, randomBytes } from "node:crypto"
import { SettingsError } from "../SettingsError.ts"

const maxFileSize = 10 * 1024 * 1024

type Rows = ReadonlyArray<Csv.Row>

const principalsOf = (rows: Rows): Result.Result<ReadonlyMap<string, Principal>, string> => {
  const principals = new Map<string, Principal>()
  for (const [i, row] of rows.entries()) {
    const [token = "", username = "", uid = "", groups = ""] = row.map((cell) => cell.trim())
    if (row.length === 1 && token === "") continue
    if (token === "" || username === "") return Result.fail(`record ${i + 1} has no token or no user`)
    if (row.length > 4) return Result.fail(`record ${i + 1} has more than token, user, uid and groups`)
    if (principals.has(token)) return Result.fail(`record ${i + 1} has a token that stands above already`)
    principals.set(token, {
      username,
      ...(uid === "" ? {} : { uid }),
      groups: groups.split(",").map((group) => group.trim()).filter((group) => group !== "")
    })
  }
  return principals.size === 0 ? Result.fail("it has no token") : Result.succeed(principals)
}

/** The principals in the text of a token file, by token; fails with what is wrong, in words. */
export const parseTokenFile = (text: string): Effect.Effect<ReadonlyMap<string, Principal>, string> =>
  Stream.make(text).pipe(
    Stream.pipeThroughChannel(Csv.decodeString()),
    Stream.runCollect,
    Effect.mapError(() => "it is not CSV"),
    Effect.flatMap((rows) => Effect.fromResult(principalsOf(rows)))
  )

const unknownToken = new Unauthorized({ detail: "The token is not known here." })

/** Accepts the tokens of a file, which is read once, at the start. */
export const layerTokenFile = (path: string): Layer.Layer<Authenticator, SettingsError, FileSystem.FileSystem> =>
  Layer.effect(
    Authenticator,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const fail = (why: string) => new SettingsError({ message: `The token file ${path} cannot be used: ${why}.` })
      const text = yield* fs.stat(path).pipe(
        Effect.filterOrFail((info) => info.size <= maxFileSize, () => fail("it is too large")),
        Effect.andThen(fs.readFileString(path)),
        Effect.catchTag("PlatformError", (error) => Effect.fail(fail(error.reason._tag)))
      )
      const principals = yield* Effect.mapError(parseTokenFile(text), fail)
      // Looked up by a keyed hash: the time it takes tells nothing of how much of a token was right.
      const key = randomBytes(32)
      const hash = (token: string) => createHmac("sha256", key).update(token).digest("base64")
      const byHash = new Map([...principals].map(([token, principal]) => [hash(token), principal]))
      return Authenticator.of({
        authenticate: (token) =>
          Effect.suspend(() => {
            const principal = byHash.get(hash(Redacted.value(token)))
            return principal === undefined ? Effect.fail(unknownToken) : Effect.succeed(principal)
          })
      })
    })
  )
