/**
 * Watches the coredump directory. A core file is complete when its name appears: systemd-coredump writes to temporary
 * files, whose names start with `.#` or `#`, and renames them.
 */
import {
  CoreId,
  coreIdMicros,
  errorCode,
  fileErrorText,
  formatTimestamp,
  parseCoreId,
  parseTimestamp,
  type UnversionedCore
} from "@koredump/core"
import { Deferred, Effect, type FileSystem, Option, Schema } from "effect"
import { accessSync, type BigIntStats, constants, lstatSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { basename } from "node:path"
import { FileFailure, identifyDirectory, toErrorReason, tryFile, watchDirectory } from "./files.ts"
import type { HostPaths } from "./HostPaths.ts"
import type { FailureListener } from "./HostWarnings.ts"
import type { KnownFiles, StoredFile } from "./StoredFile.ts"
import { readXattrs } from "./xattrs.ts"

/** Receives the events of the directory. The functions are called on the event loop and must return quickly. */
export interface DirectoryListener extends FailureListener {
  /** A core file exists or has changed. If it has not changed, `file` is the object from {@link KnownFiles}. */
  readonly onFile: (file: StoredFile) => void
  /** Nothing with this name exists any longer. */
  readonly onRemoved: (name: string) => void
  /** Something that is not a core file has this name, possibly instead of a core file. Called again for each scan. */
  readonly onInvalidFile: (name: string, reason: string) => void
  /** All files in the directory have been reported. */
  readonly onScanned: () => void
}

/** The inputs and outputs of a directory watch. */
interface CoreDirectoryOptions {
  readonly paths: HostPaths
  readonly known: KnownFiles
  readonly listener: DirectoryListener
}

const isCoreId = Schema.is(CoreId)

/** Why a file of this owner and mode is not readable, and what to do. `code` is the error code of the failed access. */
export const toUnreadableReason = (code: string, { mode, uid }: Pick<BigIntStats, "mode" | "uid">): string =>
  code === "EACCES"
    ? `permission denied (owner ${uid}, mode ${(mode & 0o7777n).toString(8)}). ` +
      "Give the server the capability DAC_READ_SEARCH (chart: node.dacReadSearch)"
    : fileErrorText(code)

const checkReadable = (path: string, stats: BigIntStats): string | undefined => {
  try {
    accessSync(path, constants.R_OK)
    return undefined
  } catch (error) {
    return toUnreadableReason(errorCode(error) ?? String(error), stats)
  }
}

const dayMicros = 24 * 60 * 60 * 1_000_000

/**
 * A crash is older than its file, apart from differences between clocks. If name or attributes claim a time more than a day
 * after the last change of the file, the time of the file replaces it, so that the core does not stay the newest one. The
 * owner of a file can set its mtime, but not its ctime.
 */
export const limitTime = (
  id: CoreId,
  xattrs: Partial<UnversionedCore>,
  { ctimeNs, mtimeNs }: Pick<BigIntStats, "ctimeNs" | "mtimeNs">
): Partial<UnversionedCore> => {
  const time = xattrs.COREDUMP_TIMESTAMP === undefined
    ? coreIdMicros(Option.getOrThrow(parseCoreId(id)))
    : parseTimestamp(xattrs.COREDUMP_TIMESTAMP)
  const [changed, written] = [Number(ctimeNs / 1000n), Number(mtimeNs / 1000n)]
  if (time <= changed + dayMicros) return xattrs
  const timestamp = formatTimestamp(Math.min(changed, written))
  return timestamp === undefined ? xattrs : { ...xattrs, COREDUMP_TIMESTAMP: timestamp }
}

// Synchronous calls take a few microseconds on a local file system, a hundredth of asynchronous ones.
const examine = ({ known, listener, paths }: CoreDirectoryOptions, name: string): void => {
  // The watch reports the directory itself under its own name.
  if (name.startsWith("#") || name.startsWith(".#") || name === basename(paths.coredumpDir)) return
  if (!isCoreId(name)) return listener.onInvalidFile(name, "not a core file name")
  const path = paths.core(name)
  let stats
  try {
    stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    return listener.onInvalidFile(name, toErrorReason(error))
  }
  if (stats === undefined) return listener.onRemoved(name)
  if (!stats.isFile()) return listener.onInvalidFile(name, "not a regular file")
  const version = `${stats.ino}-${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}`
  const before = known.file(name)
  const needsXattrs = known.needsXattrs(name)
  if (before?.version === version && (before.xattrs !== undefined || !needsXattrs)) return listener.onFile(before)
  const unreadable = checkReadable(path, stats)
  listener.onFile({
    id: name,
    size: Number(stats.size),
    version,
    ...(unreadable === undefined ? {} : { unreadable }),
    ...(needsXattrs ? { xattrs: limitTime(name, readXattrs(path), stats) } : {})
  })
}

const chunkSize = 256

/** Reports the core files in the coredump directory once. */
export const scanCoreDirectory = Effect.fnUntraced(function*(options: CoreDirectoryOptions) {
  const { known, listener, paths } = options
  const names = yield* tryFile(() => readdir(paths.coredumpDir))
  const present = new Set(names)
  // A known file that is not in the listing may be newer than the listing, so check it instead of removing it.
  names.push(...[...known.fileNames()].filter((name) => !present.has(name)))
  for (let i = 0; i < names.length; i += chunkSize) {
    for (const name of names.slice(i, i + chunkSize)) examine(options, name)
    yield* Effect.yieldNow
  }
  listener.onScanned()
})

const tick = "1 second"
const ticksPerScan = 60

const identify = (path: string) =>
  Effect.mapError(identifyDirectory(path), ({ message }) =>
    new FileFailure({
      message: `${message}. Check that systemd-coredump is installed and that the directory is mounted and readable`
    }))

/** Watches the directory until another directory takes its place. */
const watchOnce = Effect.fnUntraced(function*(options: CoreDirectoryOptions) {
  const { listener, paths: { coredumpDir } } = options
  const first = yield* identify(coredumpDir)
  const watching = yield* Deferred.make<void>()
  // Files that are copied by hand change all the time, so changed files are examined once per tick.
  const changed = new Set<string>()
  const watch = watchDirectory(
    coredumpDir,
    () => Deferred.doneUnsafe(watching, Effect.void),
    ({ _tag, path }) => {
      if (_tag === "Update") changed.add(path)
      else examine(options, path)
    }
  )
  const check = Effect.gen(function*() {
    yield* Deferred.await(watching)
    listener.onRecovered()
    for (let ticks = 0;; ticks++) {
      if (ticks % ticksPerScan === 0) yield* scanCoreDirectory(options)
      yield* Effect.sleep(tick)
      for (const name of changed) examine(options, name)
      changed.clear()
      if ((yield* identify(coredumpDir)) !== first) return
    }
  })
  yield* Effect.raceFirst(watch, check)
})

/**
 * Reports the core files in the coredump directory, and each change. Never ends: waits for a directory that does not
 * exist yet, is removed or replaced. A scan once per minute finds what the watch missed. If the directory cannot be
 * watched, it is scanned once per second.
 */
export const watchCoreDirectory = (
  options: CoreDirectoryOptions
): Effect.Effect<never, never, FileSystem.FileSystem> =>
  watchOnce(options).pipe(
    Effect.catch(({ message }) =>
      Effect.sync(() => options.listener.onFailed(message)).pipe(Effect.andThen(scanCoreDirectory(options)))
    ),
    Effect.catch(() =>
      Effect.sync(() => {
        for (const name of options.known.fileNames()) examine(options, name)
        options.listener.onScanned()
      })
    ),
    Effect.andThen(Effect.sleep(tick)),
    Effect.forever
  )
