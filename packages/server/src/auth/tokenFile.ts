/**
 * Static tokens in the format of Kubernetes, one record per line: `token,user,uid,"group1,group2"`. `uid` and groups are
 * optional. https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
 */
import { Authenticator, errorCode, fileErrorText, type Principal, reload, Unauthorized } from "@koredump/core"
import { Effect, FileSystem, Layer, type PlatformError, Redacted, Result, Stream } from "effect"
import { Csv } from "effect/encoding"
import { createHmac, randomBytes } from "node:crypto"
import { SettingsError } from "../settings/SettingsError.ts"

const maxFileSize = 10 * 1024 * 1024

const fail = (message: string) => Effect.fail({ message })

const failRead = (error: PlatformError.PlatformError) =>
  fail(`cannot be read: ${fileErrorText(errorCode(error) ?? error.reason._tag)}`)

const parseRecords = (rows: ReadonlyArray<Csv.Row>): Result.Result<ReadonlyMap<string, Principal>, string> => {
  const principals = new Map<string, Principal>()
  for (const [i, row] of rows.entries()) {
    const [token = "", username = "", uid = "", groups = ""] = row.map((cell) => cell.trim())
    if (row.length === 1 && token === "") continue
    if (token === "" || username === "") return Result.fail(`record ${i + 1} has no token or no user`)
    if (row.length > 4) return Result.fail(`record ${i + 1} has more than four fields: token, user, uid, groups`)
    if (principals.has(token)) return Result.fail(`record ${i + 1} repeats a token`)
    principals.set(token, {
      username,
      ...(uid === "" ? {} : { uid }),
      groups: groups.split(",").map((group) => group.trim()).filter((group) => group !== "")
    })
  }
  return principals.size === 0 ? Result.fail("no tokens in the file") : Result.succeed(principals)
}

/** Parses a token file into its principals by token. The error is a text without a period, and contains no token. */
export const parseTokenFile = (text: string): Effect.Effect<ReadonlyMap<string, Principal>, string> =>
  Stream.make(text).pipe(
    Stream.pipeThroughChannel(Csv.decodeString()),
    Stream.runCollect,
    Effect.mapError(() => "not a CSV file"),
    Effect.flatMap((rows) => Effect.fromResult(parseRecords(rows)))
  )

/** Principals by the hashes of their tokens. */
interface Tokens {
  readonly fileHash: string
  readonly principals: ReadonlyMap<string, Principal>
}

/**
 * Accepts the tokens of a file, which is reloaded every 5 seconds: removed tokens are rejected from then on. Fails if the
 * file is invalid at the start. Later failures are logged, and the tokens in use stay.
 */
export const layerTokenFile = (path: string): Layer.Layer<Authenticator, SettingsError, FileSystem.FileSystem> =>
  Layer.effect(
    Authenticator,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      // Tokens are looked up by a keyed hash, so that response times do not reveal how much of a token is right.
      const key = randomBytes(32)
      const hash = (text: string) => createHmac("sha256", key).update(text).digest("base64")

      let latest: Tokens | undefined
      let failure: string | undefined
      const read = Effect.gen(function*() {
        const { size, type } = yield* Effect.catch(fs.stat(path), failRead)
        if (size > maxFileSize) return yield* fail("larger than 10 MiB")
        // At the start, a pipe works. Later, reading it would wait forever for a writer.
        if (latest !== undefined && type !== "File") return yield* fail("only a regular file can be reloaded")
        const text = yield* Effect.catch(fs.readFileString(path), failRead)
        const fileHash = hash(text)
        if (latest?.fileHash === fileHash) return latest
        const principals = yield* Effect.catch(parseTokenFile(text), fail)
        latest = {
          fileHash,
          principals: new Map([...principals].map(([token, principal]) => [hash(token), principal]))
        }
        return latest
      })
      const tokens = yield* reload({
        read,
        every: "5 seconds",
        isSame: (a, b) => a === b,
        messages: {
          failed: "Token file reload failed",
          recovered: "Token file readable again",
          reloaded: "Token file reloaded"
        },
        onRead: (reason) => {
          failure = reason
        }
      }).pipe(
        Effect.annotateLogs({ file: path }),
        Effect.mapError(({ message }) =>
          new SettingsError({ message: `--token-file ${path}: invalid token file: ${message}.` })
        )
      )

      return Authenticator.of({
        authenticate: (token) =>
          Effect.suspend(() => {
            const principal = tokens().principals.get(hash(Redacted.value(token)))
            return principal === undefined
              ? Effect.fail(new Unauthorized({ detail: "The token is invalid." }))
              : Effect.succeed(principal)
          }),
        degradedReason: Effect.sync(() =>
          failure === undefined ? undefined : `Token file not reloaded, removed users still have access: ${failure}.`
        )
      })
    })
  )
