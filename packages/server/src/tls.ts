/**
 * Certificate and key from files, and from then on what the files become: certificates are short-lived, and whoever
 * renews them (cert-manager through a Kubernetes volume, certbot) just puts other files there.
 */
import { Duration, Effect, FileSystem, Option, Result, Schedule, Stream } from "effect"
import type { TlsPair } from "./http/layerHttpServer.ts"
import { SettingsError } from "./SettingsError.ts"

/** How often the files are read again. */
const readEvery = Duration.seconds(5)

const refuse = (message: string) => Effect.fail(new SettingsError({ message }))

const readPem = (name: string, path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.mapError((error) =>
      new SettingsError({ message: `--${name} ${path} cannot be read: ${error.reason._tag}.` })
    )
  )

/** What the files hold now; fails where that is no certificate and its key. */
const readPair = Effect.fnUntraced(function*(certPath: string, keyPath: string) {
  const pair: TlsPair = { cert: yield* readPem("tls-cert", certPath), key: yield* readPem("tls-key", keyPath) }
  const { createSecureContext } = yield* Effect.promise(() => import("node:tls"))
  yield* Effect.try({
    try: () => createSecureContext(pair),
    catch: () => new SettingsError({ message: "--tls-cert and --tls-key are no certificate and its key." })
  })
  return pair
})

/**
 * The pairs that come after `first`. Read, not watched: the link that a Kubernetes volume turns, an editor's rename and
 * a file on a network all look alike so. What is no pair (one file of two is new) is logged, and the old one stays.
 */
export const renewedPairs = (
  certPath: string,
  keyPath: string,
  first: TlsPair,
  every: Duration.Input = readEvery
): Stream.Stream<TlsPair, never, FileSystem.FileSystem> =>
  Stream.suspend(() => {
    let current = first
    let complaint: string | undefined
    return Stream.fromEffectSchedule(Effect.result(readPair(certPath, keyPath)), Schedule.spaced(every)).pipe(
      Stream.mapEffect(Effect.fnUntraced(function*(read) {
        if (Result.isFailure(read)) {
          if (complaint !== read.failure.message) {
            yield* Effect.logWarning(`${read.failure.message} The certificate in use stays.`)
          }
          complaint = read.failure.message
          return []
        }
        complaint = undefined
        if (read.success.cert === current.cert && read.success.key === current.key) return []
        current = read.success
        yield* Effect.logInfo("The certificate has been renewed.")
        return [current]
      })),
      Stream.flattenIterable
    )
  })

/** The pair that `--tls-cert` and `--tls-key` name, renewed when the files change. */
export const tlsPair = Effect.fnUntraced(function*(
  cert: Option.Option<string>,
  key: Option.Option<string>
): Effect.fn.Return<TlsPair | undefined, SettingsError, FileSystem.FileSystem> {
  if (Option.isNone(cert) && Option.isNone(key)) return undefined
  if (Option.isNone(cert) || Option.isNone(key)) {
    return yield* refuse("--tls-cert and --tls-key go together: one of them is missing.")
  }
  const pair = yield* readPair(cert.value, key.value)
  const fs = yield* FileSystem.FileSystem
  return {
    ...pair,
    renewed: Stream.provideService(renewedPairs(cert.value, key.value, pair), FileSystem.FileSystem, fs)
  }
})
