/** Cores to files or stdout, with progress; what each verb of fetching shares. */
import { downloadCore, type DownloadError, FileExists } from "@koredump/client/node"
import { decompress } from "@koredump/compression"
import { type CoreRef, CoreSource, coreStem, type Problem } from "@koredump/core"
import { Effect, FileSystem, Option, Path, Result, Schema, Stdio, Stream } from "effect"
import { batchFailure, exitCodes, Failure, fromProblem, isProblem, partial } from "../text/CommandError.ts"
import { visible } from "../text/escape.ts"
import { complain, note, print } from "../text/Screen.ts"
import { formatBytes } from "../text/units.ts"
import { makeProgress, type Progress } from "./progress.ts"

/** A core to fetch, with its size where a list told it. */
export interface Wanted extends CoreRef {
  readonly size?: number
}

const parallel = 4

const fileHint = (error: DownloadError) => {
  if (error._tag === "FileExists") return "Choose another place with -C DIR or -o FILE."
  switch (error.code) {
    case "ENOENT":
      return "Make the directory first."
    // These come while a file is being written, the others before.
    case "EDQUOT":
    case "EFBIG":
    case "EIO":
    case "ENOSPC":
      return "What was fetched so far is kept in a .part file; the same command goes on from there."
    default:
      return undefined
  }
}

const fileFailure = (error: DownloadError): Failure => {
  const hint = fileHint(error)
  return new Failure({
    exitCode: exitCodes.failed,
    message: visible(error.message),
    ...(hint === undefined ? {} : { hint })
  })
}

const failed = (message: string) => Effect.fail(new Failure({ exitCode: exitCodes.failed, message }))

const said = (error: Problem | DownloadError | Failure): Failure =>
  error instanceof Failure ? error : isProblem(error) ? fromProblem(error) : fileFailure(error)

const printFile = (
  { existed, path, size }: { readonly path: string; readonly size: number; readonly existed: boolean }
) => print(`${visible(path)}  ${formatBytes(size)}${existed ? "  (already there)" : ""}`)

const Metadata = Schema.fromJsonString(Schema.Struct({ id: Schema.String }))
const decodeMetadata = Schema.decodeOption(Metadata)

/** A file that is there is only replaced by news of the very core that it is about. */
const refuseOther = Effect.fnUntraced(function*(ref: CoreRef, path: string) {
  const fs = yield* FileSystem.FileSystem
  const text = yield* Effect.option(fs.readFileString(path))
  const there = Option.flatMap(text, decodeMetadata)
  if (Option.isSome(text) && !Option.exists(there, ({ id }) => id === ref.id)) {
    return yield* fileFailure(new FileExists({ path }))
  }
})

/** Writes a core's metadata, whole or not at all. */
const writeMetadata = Effect.fnUntraced(function*(ref: CoreRef, path: string) {
  const fs = yield* FileSystem.FileSystem
  yield* refuseOther(ref, path)
  const metadata = yield* CoreSource.use((source) => source.get(ref))
  const text = `${JSON.stringify(metadata, undefined, 2)}\n`
  const temporary = `${path}.part`
  yield* fs.remove(temporary, { force: true }).pipe(
    Effect.andThen(fs.writeFileString(temporary, text, { mode: 0o600, flag: "wx" })),
    Effect.andThen(fs.rename(temporary, path)),
    Effect.mapError((error) =>
      new Failure({ exitCode: exitCodes.failed, message: `Cannot write ${visible(path)}: ${error.reason._tag}.` })
    )
  )
  return { path, size: new TextEncoder().encode(text).length, existed: false }
})

const fetchFiles = Effect.fnUntraced(
  function*(wanted: Wanted, options: { readonly decompress: boolean; readonly directory: string }, progress: Progress) {
    const { join } = yield* Path.Path
    const path = join(options.directory, wanted.id)
    const stem = join(options.directory, coreStem(wanted.id))
    const downloaded = yield* downloadCore({
      ref: { node: wanted.node, id: wanted.id },
      path,
      decompressedPath: options.decompress ? stem : undefined,
      onProgress: progress.add(wanted.id, wanted.size)
    })
    const metadata = yield* writeMetadata(wanted, `${stem}.json`)
    yield* progress.clear
    for (const file of [downloaded.stored, downloaded.decompressed, metadata]) {
      if (file !== undefined) yield* printFile(file)
    }
  },
  Effect.mapError(said)
)

const interrupted = Effect.onInterrupt(() => note("Interrupted: the same command goes on where this one ended."))

/** Fetches cores into a directory, some at a time. What fails is said, and does not keep the others from coming. */
export const fetchAll = Effect.fnUntraced(
  function*(
    cores: ReadonlyArray<Wanted>,
    options: {
      readonly decompress: boolean
      readonly directory: string
      /** Some cores are known to be left out. */
      readonly incomplete: boolean
    }
  ) {
    const progress = yield* makeProgress
    const results = yield* Effect.forEach(
      cores,
      (core) =>
        fetchFiles(core, options, progress).pipe(
          Effect.tapError(({ hint, message }) => {
            if (cores.length === 1) return Effect.void
            const name = visible(core.id)
            const which = message.includes(name) ? message : `${name}: ${message}`
            return Effect.andThen(progress.clear, complain(which, hint))
          }),
          Effect.result
        ),
      { concurrency: parallel }
    )
    yield* progress.clear
    const failures = results.filter(Result.isFailure).map(({ failure }) => failure)
    const [failure] = failures
    if (failure === undefined) return yield* options.incomplete ? partial : Effect.void
    if (cores.length === 1) return yield* failure
    return yield* batchFailure(failures, cores.length)
  },
  Effect.scoped,
  interrupted
)

/** Fetches one core to a file, without its metadata. */
export const fetchOne = Effect.fnUntraced(
  function*(wanted: Wanted, { decompress, path }: { readonly decompress: boolean; readonly path: string }) {
    const progress = yield* makeProgress
    const { decompressed, stored } = yield* downloadCore({
      ref: { node: wanted.node, id: wanted.id },
      onProgress: progress.add(path, wanted.size),
      ...(decompress ? { decompressedPath: path } : { path })
    }).pipe(Effect.mapError(said))
    yield* progress.clear
    const file = decompressed ?? stored
    if (file !== undefined) yield* printFile(file)
  },
  Effect.scoped,
  interrupted
)

/** Sends one core to stdout. */
export const fetchToStdout = Effect.fnUntraced(function*(wanted: Wanted, asked: boolean) {
  const stdio = yield* Stdio.Stdio
  const progress = yield* makeProgress
  const file = yield* CoreSource.use((source) => source.open({ node: wanted.node, id: wanted.id }))
  const update = progress.add(wanted.id, file.size)
  let received = 0
  const stored = file.bytes().pipe(Stream.tap((chunk) =>
    Effect.sync(() => {
      received += chunk.length
      update({ received, total: file.size, resumedFrom: 0 })
    })
  ))
  yield* Stream.run(asked ? decompress(file.compression)(stored) : stored, stdio.stdout({ endOnDone: false })).pipe(
    Effect.catchTags({
      CorruptInput: ({ message }) => failed(`The core cannot be decompressed: ${visible(message)}.`),
      PlatformError: () => failed("Cannot write to stdout.")
    })
  )
}, Effect.scoped)
