/**
 * Stores the pod identities of cores on disk, because they cannot be resolved again after the pod is deleted. Each core
 * has a small file, named by the stem of its core ID. koredump also works without this directory: files that cannot
 * be read are skipped, and writes that fail are retried.
 */
import { coreStem, errorCode, parseCoreId } from "@koredump/core"
import { Clock, Duration, Effect, Latch, Option, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { access, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import { toErrorReason, tryFile } from "../host/files.ts"
import type { FailureListener } from "../host/HostWarnings.ts"
import type { ResolvedPod } from "./ResolvedPod.ts"

/** The stored pod identities of cores. */
export interface StateDirectory {
  /** Reads the pod of a core. Synchronous: takes a few microseconds on a local disk. */
  readonly load: (stem: string) => ResolvedPod | undefined
  /** Queues the pod of a core to be written by `run`. */
  readonly save: (stem: string, pod: ResolvedPod) => void
  /** Creates the directory and writes queued files. Never ends: retries every 3 seconds. */
  readonly run: Effect.Effect<never>
  /**
   * Removes the files of cores that are unknown now and were unknown at the previous sweep. One sweep is not enough:
   * during a rollout, another node agent on this host may have found a core a little earlier.
   */
  readonly sweep: (isKnown: (stem: string) => boolean) => Effect.Effect<void>
}

/** Receives the events of the state directory. The functions are called on the event loop and must return quickly. */
interface StateListener extends FailureListener {
  /** A file cannot be used, or cannot be written. */
  readonly onInvalidFile: (name: string, reason: string) => void
}

const text = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(4096)))
const optional = Schema.optionalKey(text)

const PodFile = Schema.fromJsonString(Schema.Struct({
  version: Schema.Literal(1),
  /** The stem of the core ID. A file that was renamed does not match it and is not used. */
  core: Schema.String,
  cgroup: Schema.Struct({ podUid: text, containerId: optional }),
  identity: Schema.Struct({
    namespace: optional,
    pod: optional,
    pod_uid: optional,
    container: optional,
    container_id: optional,
    image_name: optional,
    image_id: optional,
    workload: optional
  })
}))
const decode = Schema.decodeUnknownOption(PodFile)
const encode = Schema.encodeUnknownOption(PodFile)

const maxBytes = 64 * 1024
/** The limit of the file system. Real core IDs are much shorter: process names have at most 15 bytes. */
const maxNameLength = 255
const extension = ".json"
const temporaryName = /^\.tmp-/
const retryAfter = "3 seconds"
const maxTemporaryAge = Duration.toMillis("10 minutes")

class InvalidFile extends Error {}

const readStateFile = (path: string): string | undefined => {
  let fd
  try {
    // Does not follow a symbolic link, and does not block on a named pipe.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errorCode(error) ?? "")) return undefined
    throw error
  }
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw new InvalidFile("not a regular file")
    // The namespace in the file decides which callers can read the core, so files of other users are not trusted.
    if (stats.uid !== process.geteuid!()) throw new InvalidFile("owned by another user")
    if (stats.size > maxBytes) throw new InvalidFile("too large")
    const buffer = Buffer.alloc(stats.size)
    return buffer.toString("utf8", 0, readSync(fd, buffer))
  } finally {
    closeSync(fd)
  }
}

const writeStateFile = async (directory: string, name: string, text: string): Promise<void> => {
  const temporaryPath = join(directory, `.tmp-${randomUUID()}`)
  try {
    const handle = await open(temporaryPath, "wx", 0o600)
    try {
      await handle.writeFile(text)
      // The node may crash soon after the process.
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(temporaryPath, join(directory, name))
  } catch (error) {
    await unlink(temporaryPath).catch(() => undefined)
    throw error
  }
}

/** The state directory at `path`. `run` creates it if it does not exist. */
export const makeStateDirectory = (path: string, listener: StateListener): StateDirectory => {
  const unwritten = new Map<string, string>()
  const hasWork = Latch.makeUnsafe()
  let unknownBefore = new Set<string>()

  const write = Effect.suspend(() =>
    Effect.forEach([...unwritten], ([name, content]) =>
      tryFile(() => writeStateFile(path, name, content)).pipe(
        Effect.andThen(Effect.sync(() => {
          if (unwritten.get(name) === content) unwritten.delete(name)
        }))
      ), { concurrency: 4, discard: true })
  )

  const writeQueue = Effect.gen(function*() {
    yield* tryFile(() => mkdir(path, { recursive: true, mode: 0o700 }))
    yield* tryFile(() => access(path, constants.W_OK))
    for (;;) {
      hasWork.closeUnsafe()
      if (unwritten.size > 0) yield* write
      listener.onRecovered()
      yield* hasWork.await
    }
  })

  const remove = (name: string) => Effect.ignore(tryFile(() => unlink(join(path, name))))

  const isAbandoned = Effect.fnUntraced(function*(name: string) {
    const stats = yield* Effect.option(tryFile(() => stat(join(path, name))))
    const now = yield* Clock.currentTimeMillis
    return Option.exists(stats, ({ mtimeMs }) => now - mtimeMs > maxTemporaryAge)
  })

  return {
    load: (stem) => {
      const name = stem + extension
      if (name.length > maxNameLength) return undefined
      try {
        const content = readStateFile(join(path, name))
        if (content === undefined) return undefined
        const file = Option.getOrUndefined(decode(content))
        if (file?.core !== stem) throw new InvalidFile("content does not match the name")
        return { cgroup: file.cgroup, identity: file.identity }
      } catch (error) {
        listener.onInvalidFile(name, error instanceof InvalidFile ? error.message : toErrorReason(error))
        return undefined
      }
    },

    save: (stem, pod) => {
      const name = stem + extension
      const content = encode({ version: 1, core: stem, ...pod })
      if (Option.isNone(content) || name.length > maxNameLength) {
        return listener.onInvalidFile(name, "name or content too long")
      }
      unwritten.set(name, content.value)
      hasWork.openUnsafe()
    },

    run: writeQueue.pipe(
      Effect.catch(({ message }) => Effect.sync(() => listener.onFailed(message))),
      Effect.andThen(Effect.sleep(retryAfter)),
      Effect.forever
    ),

    sweep: (isKnown) =>
      Effect.gen(function*() {
        // While nothing can be written, the queue would otherwise grow without limit.
        for (const name of unwritten.keys()) if (!isKnown(name.slice(0, -extension.length))) unwritten.delete(name)
        const unknown = new Set<string>()
        for (const name of yield* tryFile(() => readdir(path))) {
          const stem = name.slice(0, -extension.length)
          if (temporaryName.test(name)) {
            if (yield* isAbandoned(name)) yield* remove(name)
          } else if (name.endsWith(extension) && isStem(stem) && !isKnown(stem)) {
            if (unknownBefore.has(stem)) yield* remove(name)
            else unknown.add(stem)
          }
        }
        unknownBefore = unknown
      }).pipe(Effect.ignore)
  }
}

const isStem = (text: string): boolean => coreStem(text) === text && Option.isSome(parseCoreId(text))
