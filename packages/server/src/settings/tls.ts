/** The TLS certificate and private key of a server, from files that are reloaded when they change. */
import { errorCode, fileErrorText, reload } from "@koredump/core"
import { type Duration, Effect, FileSystem, Option, Queue, Stream } from "effect"
import { failSettings, SettingsError } from "./SettingsError.ts"

/** Certificate chain and private key (PEM). */
export interface TlsPair {
  readonly cert: string
  readonly key: string
  /** The pairs that replace this one. New connections use the latest pair; existing connections continue. */
  readonly renewed?: Stream.Stream<Pick<TlsPair, "cert" | "key">>
  /** Whether the files cannot be reloaded at the moment. */
  readonly isStale?: () => boolean
}

const readPem = (name: string, path: string) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(path)).pipe(
    Effect.mapError((error) =>
      new SettingsError({
        message: `--${name} ${path}: cannot be read: ${fileErrorText(errorCode(error) ?? error.reason._tag)}.`
      })
    )
  )

const readTlsPair = Effect.fnUntraced(function*(certPath: string, keyPath: string) {
  const pair: TlsPair = { cert: yield* readPem("tls-cert", certPath), key: yield* readPem("tls-key", keyPath) }
  const { createSecureContext } = yield* Effect.promise(() => import("node:tls"))
  yield* Effect.try({
    try: () => createSecureContext(pair),
    catch: () =>
      new SettingsError({ message: "--tls-cert and --tls-key are not a matching certificate and key (PEM)." })
  })
  return pair
})

/**
 * The pairs that replace `initial`, as the files change. If only one of the two files is new, or a file is invalid, the
 * failure is logged and the pair in use stays. Default for `every`: 5 seconds.
 */
export const reloadTlsPair = (
  certPath: string,
  keyPath: string,
  initial: TlsPair,
  every: Duration.Input = "5 seconds",
  onRead?: (failure: string | undefined) => void
): Stream.Stream<TlsPair, never, FileSystem.FileSystem> =>
  Stream.callback((queue) =>
    Effect.orDie(reload({
      read: readTlsPair(certPath, keyPath),
      every,
      initial,
      isSame: (a, b) => a.cert === b.cert && a.key === b.key,
      messages: {
        failed: "TLS certificate reload failed",
        recovered: "TLS certificate readable again",
        reloaded: "TLS certificate reloaded"
      },
      ...(onRead === undefined ? {} : { onRead }),
      onChange: (pair) => Queue.offerUnsafe(queue, pair)
    }))
  )

/** Loads the files of `--tls-cert` and `--tls-key`, and reloads them when they change. Default for `every`: 5 seconds. */
export const loadTlsPair = Effect.fnUntraced(function*(
  cert: Option.Option<string>,
  key: Option.Option<string>,
  every?: Duration.Input
): Effect.fn.Return<TlsPair | undefined, SettingsError, FileSystem.FileSystem> {
  if (Option.isNone(cert) && Option.isNone(key)) return undefined
  if (Option.isNone(cert) || Option.isNone(key)) {
    return yield* failSettings("--tls-cert and --tls-key must be used together.")
  }
  const pair = yield* readTlsPair(cert.value, key.value)
  const fs = yield* FileSystem.FileSystem
  let isStale = false
  const renewed = reloadTlsPair(cert.value, key.value, pair, every, (failure) => {
    isStale = failure !== undefined
  })
  return {
    ...pair,
    renewed: Stream.provideService(renewed, FileSystem.FileSystem, fs),
    isStale: () => isStale
  }
})
