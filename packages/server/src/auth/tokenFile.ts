/**
 * Static tokens in Kubernetes' format, a line each: `token,user,uid,"group1,group2"`; uid and groups may be left out.
 * https://kubernetes.io/docs/reference/access-authn-authz/authentication/#static-token-file
 */
import { Authenticator, type Principal, Unauthorized } from "@koredump/core"
import { Duration, Effect, FileSystem, Layer, type PlatformError, Redacted, Result, Schedule, Stream } from "effect"
import { Csv } from "effect/encoding"
import { createHmac, randomBytes } from "node:crypto"
import { SettingsError } from "../SettingsError.ts"

const maxFileSize = 10 * 1024 * 1024

/** How often the file is read again. */
const readEvery = Duration.seconds(5)

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

/**
 * Accepts the tokens of a file, which is read again and again: a token that is taken out is refused from then on. A file
 * that cannot be used is refused at the start; later it is logged, and the tokens in use stay.
 */
export const layerTokenFile = (path: string): Layer.Layer<Authenticator, SettingsError, FileSystem.FileSystem> =>
  Layer.effect(
    Authenticator,
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const fail = (why: string) => new SettingsError({ message: `The token file ${path} cannot be used: ${why}.` })
      // Looked up by a keyed hash: the time it takes tells nothing of how much of a token was right.
      const key = randomBytes(32)
      const hash = (text: string) => createHmac("sha256", key).update(text).digest("base64")
      const notRead = (error: PlatformError.PlatformError) => fail(error.reason._tag)
      const info = Effect.mapError(fs.stat(path), notRead)
      const readText = info.pipe(
        Effect.filterOrFail(({ size }) => size <= maxFileSize, () => fail("it is too large")),
        Effect.andThen(Effect.mapError(fs.readFileString(path), notRead))
      )
      const principalsIn = (text: string) =>
        parseTokenFile(text).pipe(
          Effect.map((principals) => new Map([...principals].map(([token, principal]) => [hash(token), principal]))),
          Effect.mapError(fail)
        )

      const text = yield* readText
      let current = { file: hash(text), principals: yield* principalsIn(text) }
      let complaint: string | undefined
      yield* Effect.gen(function*() {
        // A pipe that nobody writes to any more would be waited for without end.
        if ((yield* info).type !== "File") return yield* fail("only a regular file can be read again")
        const text = yield* readText
        const file = hash(text)
        if (file !== current.file) {
          current = { file, principals: yield* principalsIn(text) }
          yield* Effect.logInfo("The tokens have changed.")
        }
        complaint = undefined
      }).pipe(
        Effect.catch(({ message }) => {
          if (message === complaint) return Effect.void
          complaint = message
          return Effect.logWarning(`${message} Those in use stay.`)
        }),
        Effect.schedule(Schedule.spaced(readEvery)),
        Effect.forkScoped
      )

      return Authenticator.of({
        authenticate: (token) =>
          Effect.suspend(() => {
            const principal = current.principals.get(hash(Redacted.value(token)))
            return principal === undefined ? Effect.fail(unknownToken) : Effect.succeed(principal)
          })
      })
    })
  )
