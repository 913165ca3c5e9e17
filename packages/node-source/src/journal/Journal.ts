/**
 * The host's journal, read by `journalctl`: it is as new as the journals that it must read. Volatile and persistent
 * journal are one here. Only named fields are asked for, so that a core kept in the journal never passes through memory.
 */
import { Context, Effect, Fiber, FileSystem, Layer, Option, type PlatformError, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { closeSync, openSync, readdirSync, readSync } from "node:fs"
import { join } from "node:path"
import type { HostPaths } from "../host/HostPaths.ts"
import { coredumpMessageId, metadataFields, summaryFields, textOf } from "./JournalEntry.ts"
import { decodeJournalExport, type ExportBounds, type MalformedExport, type RawEntry } from "./JournalExport.ts"

/** The journal could not be read; `message` says why. */
export class JournalFailure extends Schema.TaggedError<JournalFailure>()("JournalFailure", {
  message: Schema.String
}) {}

/** Entries of systemd-coredump, or of those who pretend to be it. */
export class Journal extends Context.Service<Journal, {
  /** The entries that are there, oldest first, with the fields of a summary; only those after `cursor` if given. */
  readonly query: (cursor?: string) => Stream.Stream<RawEntry, JournalFailure>
  /** As `query`, and then those that come. Ends where it has to be begun anew, from the last cursor. */
  readonly follow: (cursor?: string) => Stream.Stream<RawEntry, JournalFailure>
  /** The heavy fields of one entry; none where the journal does not hold it any more. */
  readonly read: (cursor: string) => Effect.Effect<Option.Option<RawEntry>, JournalFailure>
  /**
   * A text that changes when anything is written to the journal. Journald tells those who follow only after a quarter
   * of a second; who knows that an entry is about to come asks here, and then `query`.
   */
  readonly pulse: Effect.Effect<string>
  /** What lacks, in words. */
  readonly lacking: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/node-source/Journal") {}

const summaryBounds: ExportBounds = { fieldBytes: 1 << 20, entryBytes: 4 << 20 }
const metadataBounds: ExportBounds = { fieldBytes: 8 << 20, entryBytes: 32 << 20 }
const maxErrorText = 500

const failure = (error: JournalFailure | MalformedExport | PlatformError.PlatformError): JournalFailure => {
  switch (error._tag) {
    case "JournalFailure":
      return error
    case "MalformedExport":
      return new JournalFailure({ message: `journalctl: ${error.message}` })
    case "PlatformError":
      return new JournalFailure({
        message: error.reason._tag === "NotFound"
          ? "journalctl is not installed"
          : `journalctl cannot be run: ${error.reason._tag}`
      })
  }
}

const fields = (names: ReadonlyArray<string>) => `--output-fields=${names.join(",")}`
const after = (cursor: string | undefined) => cursor === undefined ? [] : [`--after-cursor=${cursor}`]

const make = Effect.fnUntraced(function*(paths: HostPaths) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const fs = yield* FileSystem.FileSystem
  const machineId = yield* fs.readFileString(paths.machineId).pipe(
    Effect.map((text) => /^[0-9a-f]{32}$/.exec(text.trim())?.[0]),
    Effect.orElseSucceed(() => undefined)
  )

  const command = (options: ReadonlyArray<string>) =>
    ChildProcess.make("journalctl", [
      `--root=${paths.root}`,
      // Without it --follow shows the running boot alone, and ends where the journal has nothing of it yet.
      "--merge",
      "--output=export",
      ...options,
      `MESSAGE_ID=${coredumpMessageId}`,
      // Journals of containers and of other machines may lie beside the host's.
      ...(machineId === undefined ? [] : [`_MACHINE_ID=${machineId}`])
    ], {
      env: { LC_ALL: "C", SYSTEMD_COLORS: "0", SYSTEMD_PAGER: "" },
      extendEnv: true,
      stdin: "ignore",
      forceKillAfter: "2 seconds"
    })

  const run = (options: ReadonlyArray<string>, bounds: ExportBounds): Stream.Stream<RawEntry, JournalFailure> =>
    Stream.unwrap(Effect.gen(function*() {
      const handle = yield* spawner.spawn(command(options))
      let complaint = ""
      const complaining = yield* handle.stderr.pipe(
        Stream.decodeText(),
        Stream.runForEach((text) =>
          Effect.sync(() => {
            complaint = (complaint + text).slice(-maxErrorText)
          })
        ),
        Effect.ignore,
        Effect.forkScoped
      )
      const ended = Effect.gen(function*() {
        const code = yield* Effect.mapError(
          handle.exitCode,
          () => new JournalFailure({ message: "journalctl was ended by a signal" })
        )
        if (code === 0) return
        // What it said may come after its end.
        yield* Effect.timeoutOption(Fiber.join(complaining), "1 second")
        const said = complaint.trim().split("\n").at(-1)
        return yield* new JournalFailure({ message: `journalctl: ${said === "" ? `exit code ${code}` : said}` })
      })
      return handle.stdout.pipe(
        Stream.concat(Stream.fromEffectDrain(ended)),
        decodeJournalExport(bounds)
      )
    })).pipe(Stream.mapError(failure))

  /** journalctl watches only those of the journal's directories that were there when it began. */
  const directories = Effect.forEach(paths.journalDirs, (path) =>
    fs.stat(path).pipe(
      Effect.map((info) => `${info.dev}-${Option.getOrElse(info.ino, () => 0)}`),
      Effect.orElseSucceed(() => "")
    ))

  const directoriesChanged = Effect.gen(function*() {
    const first = (yield* directories).join()
    while ((yield* directories).join() === first) yield* Effect.sleep("5 seconds")
  })

  return Journal.of({
    query: (cursor) => run([fields(summaryFields), ...after(cursor)], summaryBounds),
    follow: (cursor) =>
      run([fields(summaryFields), "--follow", "--no-tail", ...after(cursor)], summaryBounds).pipe(
        Stream.interruptWhen(directoriesChanged)
      ),
    read: (cursor) =>
      run([fields(metadataFields), `--cursor=${cursor}`, "--lines=1"], metadataBounds).pipe(
        Stream.runHead,
        // Where the entry is gone, journalctl gives the next one.
        Effect.map(Option.filter((entry) => textOf(entry, "__CURSOR") === cursor))
      ),
    pulse: Effect.sync(() => journalPulse(paths)),
    lacking: Effect.map(directories, (present) =>
      present.some((found) => found !== "")
        ? []
        : [`there is no journal: neither ${paths.journalDirs.join(" nor ")} exists`])
  })
})

/** Offset of `tail_entry_seqnum` in the header of a journal file (systemd.io/JOURNAL_FILE_FORMAT). */
const tailOffset = 160

/** The numbers of the newest entries in all journal files that are being written. */
const journalPulse = (paths: HostPaths): string => {
  const numbers: Array<string> = []
  const buffer = Buffer.alloc(8)
  for (const parent of paths.journalDirs) {
    for (const directory of list(parent)) {
      for (const name of list(join(parent, directory))) {
        // Archived ones have an @ in their name.
        if (!name.endsWith(".journal") || name.includes("@")) continue
        try {
          const fd = openSync(join(parent, directory, name), "r")
          try {
            readSync(fd, buffer, 0, 8, tailOffset)
            numbers.push(`${name}:${buffer.readBigUInt64LE()}`)
          } finally {
            closeSync(fd)
          }
        } catch {
          // Not readable, or just rotated: this is a hint only.
        }
      }
    }
  }
  return numbers.join()
}

const list = (path: string): ReadonlyArray<string> => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** The journal of the host with these paths. */
export const layerJournalctl = (
  paths: HostPaths
): Layer.Layer<Journal, never, ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem> =>
  Layer.effect(Journal, make(paths))
