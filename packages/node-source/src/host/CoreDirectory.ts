/**
 * The directory in which systemd-coredump keeps cores: what is in it, and what happens there. Cores are complete when
 * their name appears; names that begin with `.#` or `#` are systemd-coredump's unfinished ones.
 */
import { CoreId } from "@koredump/core"
import { Deferred, Effect, type FileSystem, Schema } from "effect"
import { accessSync, constants, lstatSync } from "node:fs"
import { readdir } from "node:fs/promises"
import { basename } from "node:path"
import type { FileFacts } from "../cores/mergeCore.ts"
import { attempt, codeOf, directoryIdentity, failureText, watchDirectory } from "./files.ts"
import type { HostPaths } from "./HostPaths.ts"
import { readXattrs } from "./xattrs.ts"

/** Whoever wants to know what the directory holds. All calls are made on the event loop and must be quick. */
export interface DirectoryListener {
  /** What was last told of a file. */
  readonly known: (name: string) => FileFacts | undefined
  readonly knownNames: () => Iterable<string>
  /** Whether the attributes of this file are of use. */
  readonly wantsXattrs: (name: string) => boolean
  /** A core's file is there or has changed; the very object that `known` gave where it has not. */
  readonly found: (file: FileFacts) => void
  readonly gone: (name: string) => void
  /** Something in the directory that is no core; called each time it is met. */
  readonly odd: (name: string, why: string) => void
  /** All files that were there have been told. */
  readonly scanned: () => void
  /** Why the directory cannot be read, in words; undefined when it can again. */
  readonly lacking: (why: string | undefined) => void
}

const isCoreId = Schema.is(CoreId)

const unreadable = (path: string, owner: { readonly uid: bigint; readonly mode: bigint }): string | undefined => {
  try {
    accessSync(path, constants.R_OK)
    return undefined
  } catch (error) {
    return `the file cannot be read: ${failureText(error)}${remedy(codeOf(error), owner)}`
  }
}

/** What a server lacks that may not read a file of `uid`, and who gives it. */
export const remedy = (
  code: string,
  { mode, uid }: { readonly uid: bigint; readonly mode: bigint }
): string =>
  code !== "EACCES"
    ? ""
    : `; it belongs to user ${uid} with mode ${(mode & 0o7777n).toString(8)}, and others read it ` +
      "with the capability DAC_READ_SEARCH only (node.dacReadSearch in the chart)"

// Synchronous: a few microseconds each on a local file system, a hundredth of what the asynchronous ones take.
const examine = (paths: HostPaths, listener: DirectoryListener, name: string): void => {
  // The watch tells of the directory itself by its own name.
  if (name.startsWith("#") || name.startsWith(".#") || name === basename(paths.coredumpDir)) return
  if (!isCoreId(name)) return listener.odd(name, "not the name of a core")
  const path = paths.core(name)
  let stats
  try {
    stats = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  } catch (error) {
    listener.odd(name, failureText(error))
  }
  if (stats === undefined) return listener.gone(name)
  if (!stats.isFile()) {
    listener.gone(name)
    return listener.odd(name, "not a regular file")
  }
  const version = `${stats.ino}-${stats.size}-${stats.mtimeNs}-${stats.ctimeNs}`
  const known = listener.known(name)
  if (known?.version === version) return listener.found(known)
  const reason = unreadable(path, stats)
  listener.found({
    id: name,
    size: Number(stats.size),
    version,
    ...(reason === undefined ? {} : { unreadable: reason }),
    ...(listener.wantsXattrs(name) ? { xattrs: readXattrs(path) } : {})
  })
}

const chunkSize = 256

const scan = Effect.fnUntraced(function*(paths: HostPaths, listener: DirectoryListener) {
  const names = yield* attempt(() => readdir(paths.coredumpDir))
  const present = new Set(names)
  // What is known and was not seen may be newer than the listing: look again.
  names.push(...[...listener.knownNames()].filter((name) => !present.has(name)))
  for (let i = 0; i < names.length; i += chunkSize) {
    for (const name of names.slice(i, i + chunkSize)) examine(paths, listener, name)
    yield* Effect.yieldNow
  }
  listener.scanned()
})

const tick = "1 second"
const ticksPerScan = 60

/** Watches one and the same directory; ends when it is no longer the one that was there at first. */
const follow = Effect.fnUntraced(function*(paths: HostPaths, listener: DirectoryListener) {
  const first = yield* directoryIdentity(paths.coredumpDir)
  const watching = yield* Deferred.make<void>()
  // Files that are written to in place (copied by hand) change all the time: looked at once a tick.
  const changed = new Set<string>()
  const watch = watchDirectory(
    paths.coredumpDir,
    () => Deferred.doneUnsafe(watching, Effect.void),
    ({ _tag, path }) => {
      if (_tag === "Update") changed.add(path)
      else examine(paths, listener, path)
    }
  )
  const look = Effect.gen(function*() {
    yield* Deferred.await(watching)
    listener.lacking(undefined)
    for (let ticks = 0;; ticks++) {
      if (ticks % ticksPerScan === 0) yield* scan(paths, listener)
      yield* Effect.sleep(tick)
      for (const name of changed) examine(paths, listener, name)
      changed.clear()
      if ((yield* directoryIdentity(paths.coredumpDir)) !== first) return
    }
  })
  yield* Effect.raceFirst(watch, look)
})

/**
 * Tells the listener what the directory holds and what happens in it, for ever: a directory that is not there yet, goes,
 * or is replaced is waited for. What the watch missed, a scan each minute repairs.
 */
export const watchCoreDirectory = (
  paths: HostPaths,
  listener: DirectoryListener
): Effect.Effect<never, never, FileSystem.FileSystem> =>
  follow(paths, listener).pipe(
    Effect.catch(({ message }) =>
      Effect.sync(() => listener.lacking(`coredump directory ${paths.coredumpDir}: ${message}`)).pipe(
        // What cannot be watched can be read perhaps: the next tick looks again.
        Effect.andThen(scan(paths, listener))
      )
    ),
    Effect.catch(() =>
      Effect.sync(() => {
        for (const name of listener.knownNames()) examine(paths, listener, name)
        listener.scanned()
      })
    ),
    Effect.andThen(Effect.sleep(tick)),
    Effect.forever
  )
