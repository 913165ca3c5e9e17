/**
 * What cannot be found out again, the pod that a core came from, on disk: a small file for each core, named by the
 * core's stem. It outlives the pod and this process. Nothing here is needed to run: what cannot be read is passed over,
 * what cannot be written is tried again.
 */
import { coreStem, parseCoreId } from "@koredump/core"
import { Clock, Duration, Effect, Latch, Option, Schema } from "effect"
import { randomUUID } from "node:crypto"
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs"
import { access, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises"
import { join } from "node:path"
import { attempt, codeOf, failureText } from "../host/files.ts"
import type { KnownPod } from "./ResolvedPod.ts"

/** See the module's text. */
export interface StateDirectory {
  /** What was kept of a core. At once: some microseconds on a local disk. */
  readonly recall: (stem: string) => KnownPod | undefined
  /** Keeps it; it is written soon. */
  readonly keep: (stem: string, pod: KnownPod) => void
  /** Writes what is to be kept, for ever. */
  readonly run: Effect.Effect<never>
  /**
   * Removes what is kept of cores that are not known, and were not at the last sweep either: another agent on this
   * host, during a roll-out, may know of a core a little earlier.
   */
  readonly sweep: (isKnown: (stem: string) => boolean) => Effect.Effect<void>
}

/** Whoever wants to know how it goes. Both are called on the event loop and must be quick. */
export interface StateListener {
  /** Why nothing can be kept, in words; undefined when it can again. */
  readonly lacking: (why: string | undefined) => void
  /** A file that is not used, or not written, and why. */
  readonly odd: (name: string, why: string) => void
}

const text = Schema.String.pipe(Schema.check(Schema.isMinLength(1), Schema.isMaxLength(4096)))
const optional = Schema.optionalKey(text)

const Kept = Schema.fromJsonString(Schema.Struct({
  version: Schema.Literal(1),
  /** Its own name: a file that was renamed is not believed. */
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
const decode = Schema.decodeUnknownOption(Kept)
const encode = Schema.encodeUnknownOption(Kept)

const maxBytes = 64 * 1024
/** The file system's bound. No real core's name comes near it: the kernel's name of a process has 15 bytes at most. */
const maxName = 255
const extension = ".json"
const temporary = /^\.tmp-/
const retryAfter = "3 seconds"
const temporaryAge = Duration.toMillis("10 minutes")

class Odd extends Error {}

const readSmallFile = (path: string): string | undefined => {
  let fd
  try {
    // What has become a link is not followed, what has become a pipe does not block.
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error))) return undefined
    throw error
  }
  try {
    const stats = fstatSync(fd)
    if (!stats.isFile()) throw new Odd("not a regular file")
    // Whoever can name a core's namespace decides who may read it.
    if (stats.uid !== process.geteuid!()) throw new Odd("another user's")
    if (stats.size > maxBytes) throw new Odd("too large")
    const buffer = Buffer.alloc(stats.size)
    return buffer.toString("utf8", 0, readSync(fd, buffer))
  } finally {
    closeSync(fd)
  }
}

const writeSmallFile = async (directory: string, name: string, text: string): Promise<void> => {
  const unfinished = join(directory, `.tmp-${randomUUID()}`)
  try {
    const handle = await open(unfinished, "wx", 0o600)
    try {
      await handle.writeFile(text)
      // A crash may well be followed by that of the whole node.
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(unfinished, join(directory, name))
  } catch (error) {
    await unlink(unfinished).catch(() => undefined)
    throw error
  }
}

/** The state directory at `path`; made where it is not there. */
export const makeStateDirectory = (path: string, listener: StateListener): StateDirectory => {
  const unwritten = new Map<string, string>()
  const wanted = Latch.makeUnsafe()
  let unknownBefore = new Set<string>()

  const write = Effect.suspend(() =>
    Effect.forEach([...unwritten], ([name, content]) =>
      attempt(() => writeSmallFile(path, name, content)).pipe(
        Effect.andThen(Effect.sync(() => {
          if (unwritten.get(name) === content) unwritten.delete(name)
        }))
      ), { concurrency: 4, discard: true })
  )

  const work = Effect.gen(function*() {
    yield* attempt(() => mkdir(path, { recursive: true, mode: 0o700 }))
    yield* attempt(() => access(path, constants.W_OK))
    for (;;) {
      wanted.closeUnsafe()
      if (unwritten.size > 0) yield* write
      listener.lacking(undefined)
      yield* wanted.await
    }
  })

  const remove = (name: string) => Effect.ignore(attempt(() => unlink(join(path, name))))

  const isAbandoned = Effect.fnUntraced(function*(name: string) {
    const stats = yield* Effect.option(attempt(() => stat(join(path, name))))
    const now = yield* Clock.currentTimeMillis
    return Option.exists(stats, ({ mtimeMs }) => now - mtimeMs > temporaryAge)
  })

  return {
    recall: (stem) => {
      const name = stem + extension
      if (name.length > maxName) return undefined
      try {
        const content = readSmallFile(join(path, name))
        if (content === undefined) return undefined
        const kept = Option.getOrUndefined(decode(content))
        if (kept?.core !== stem) throw new Odd("not what was written there")
        return { cgroup: kept.cgroup, identity: kept.identity }
      } catch (error) {
        listener.odd(name, error instanceof Odd ? error.message : failureText(error))
        return undefined
      }
    },

    keep: (stem, pod) => {
      const name = stem + extension
      const content = encode({ version: 1, core: stem, ...pod })
      if (Option.isNone(content) || name.length > maxName) return listener.odd(name, "it cannot be kept: too long")
      unwritten.set(name, content.value)
      wanted.openUnsafe()
    },

    run: work.pipe(
      Effect.catch(({ message }) => Effect.sync(() => listener.lacking(`state directory ${path}: ${message}`))),
      Effect.andThen(Effect.sleep(retryAfter)),
      Effect.forever
    ),

    sweep: (isKnown) =>
      Effect.gen(function*() {
        // Where nothing can be written this would be all that there ever was.
        for (const name of unwritten.keys()) if (!isKnown(name.slice(0, -extension.length))) unwritten.delete(name)
        const unknown = new Set<string>()
        for (const name of yield* attempt(() => readdir(path))) {
          const stem = name.slice(0, -extension.length)
          if (temporary.test(name)) {
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
