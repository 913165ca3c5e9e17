/** Downloads cores to files or stdout, with progress. */
import { downloadCore, type DownloadError, writeTextFile } from "@koredump/client/node"
import { decompress } from "@koredump/compression"
import { type CoreRef, CoreSource, coreStem, type Problem } from "@koredump/core"
import { Effect, Option, Path, Result, Schema, Stdio, Stream } from "effect"
import { CommandError, failed, partial, toBatchError } from "../text/CommandError.ts"
import { describeFileError } from "../text/describeFileError.ts"
import { escapeHidden } from "../text/escape.ts"
import { print, printError, printNotice } from "../text/messages.ts"
import { formatJson } from "../text/structured.ts"
import { isProblem, toCommandError } from "../text/toCommandError.ts"
import { formatBytes } from "../text/units.ts"
import type { DownloadTarget } from "./DownloadTarget.ts"
import { makeProgress, type Progress } from "./progress.ts"

const maxParallel = 4

const fileHint = (error: DownloadError) => {
  if (error._tag === "FileExists") return "Choose another directory with -C DIR, or another file with -o FILE."
  switch (error.code) {
    case "ENOENT":
      return "Create the directory first."
    // These errors occur while a file is being written. The others occur before.
    case "EDQUOT":
    case "EFBIG":
    case "EIO":
    case "ENOSPC":
      return "The downloaded part is kept in a .part file. Run the same command again to resume."
    default:
      return undefined
  }
}

const explainError = (error: Problem | DownloadError | CommandError): CommandError =>
  error instanceof CommandError
    ? error
    : isProblem(error)
    ? toCommandError(error)
    : failed(escapeHidden(error.message), fileHint(error))

const printFile = (
  { existed, path, size }: { readonly path: string; readonly size: number; readonly existed: boolean }
) => print(`${escapeHidden(path)}  ${formatBytes(size)}${existed ? "  (already there)" : ""}`)

const decodeMetadata = Schema.decodeOption(Schema.fromJsonString(Schema.Struct({ id: Schema.String })))

/** Writes the metadata of a core. Replaces only metadata of the same core. */
const writeMetadata = Effect.fnUntraced(function*(ref: CoreRef, path: string) {
  const metadata = yield* CoreSource.use((source) => source.get(ref))
  return yield* writeTextFile({
    path,
    text: `${formatJson(metadata)}\n`,
    canReplace: (text) => Option.exists(decodeMetadata(text), ({ id }) => id === ref.id)
  })
})

const downloadToDirectory = Effect.fnUntraced(
  function*(
    target: DownloadTarget,
    options: { readonly decompress: boolean; readonly directory: string },
    progress: Progress
  ) {
    const { join } = yield* Path.Path
    const path = join(options.directory, target.id)
    const stem = join(options.directory, coreStem(target.id))
    const downloaded = yield* downloadCore({
      ref: { node: target.node, id: target.id },
      path,
      decompressedPath: options.decompress ? stem : undefined,
      onProgress: progress.add(target.id, target.size)
    })
    const metadata = yield* writeMetadata(target, `${stem}.json`)
    yield* progress.clear
    for (const file of [downloaded.stored, downloaded.decompressed, metadata]) {
      if (file !== undefined) yield* printFile(file)
    }
  },
  Effect.mapError(explainError)
)

const printInterrupted = Effect.onInterrupt(() => printNotice("Interrupted. Run the same command again to resume."))

/** Downloads cores into a directory, several at a time. Prints each failure and continues with the other cores. */
export const downloadCores = Effect.fnUntraced(
  function*(
    targets: ReadonlyArray<DownloadTarget>,
    options: {
      readonly decompress: boolean
      readonly directory: string
      /** Unreachable nodes may have other cores. */
      readonly incomplete: boolean
    }
  ) {
    const progress = yield* makeProgress
    const results = yield* Effect.forEach(
      targets,
      (target) =>
        downloadToDirectory(target, options, progress).pipe(
          Effect.tapError(({ hint, message }) => {
            if (targets.length === 1) return Effect.void
            const id = escapeHidden(target.id)
            return Effect.andThen(
              progress.clear,
              printError(message.includes(id) ? message : `${id}: ${message}`, hint)
            )
          }),
          Effect.result
        ),
      { concurrency: maxParallel }
    )
    yield* progress.clear
    const errors = results.filter(Result.isFailure).map(({ failure }) => failure)
    const [error] = errors
    if (error === undefined) return yield* options.incomplete ? partial : Effect.void
    if (targets.length === 1) return yield* error
    return yield* toBatchError(errors, targets.length)
  },
  Effect.scoped,
  printInterrupted
)

/** Downloads one core to a file, without its metadata. */
export const downloadToFile = Effect.fnUntraced(
  function*(target: DownloadTarget, { decompress, path }: { readonly decompress: boolean; readonly path: string }) {
    const progress = yield* makeProgress
    const { decompressed, stored } = yield* downloadCore({
      ref: { node: target.node, id: target.id },
      onProgress: progress.add(path, target.size),
      ...(decompress ? { decompressedPath: path } : { path })
    }).pipe(Effect.mapError(explainError))
    yield* progress.clear
    const file = decompressed ?? stored
    if (file !== undefined) yield* printFile(file)
  },
  Effect.scoped,
  printInterrupted
)

/** Writes one core to stdout. */
export const downloadToStdout = Effect.fnUntraced(function*(target: DownloadTarget, isDecompressed: boolean) {
  const stdio = yield* Stdio.Stdio
  const progress = yield* makeProgress
  const file = yield* CoreSource.use((source) => source.open({ node: target.node, id: target.id }))
  const update = progress.add(target.id, file.size)
  let received = 0
  const stored = file.bytes().pipe(Stream.tap((chunk) =>
    Effect.sync(() => {
      received += chunk.length
      update({ received, total: file.size, resumedFrom: 0 })
    })
  ))
  const bytes = isDecompressed ? decompress(file.compression)(stored) : stored
  yield* Stream.run(bytes, stdio.stdout({ endOnDone: false })).pipe(
    Effect.catchTags({
      CorruptInput: ({ message }) => Effect.fail(failed(`Cannot decompress the core: ${escapeHidden(message)}.`)),
      PlatformError: (error) => Effect.fail(failed(`Cannot write to stdout: ${describeFileError(error)}.`))
    })
  )
}, Effect.scoped)
