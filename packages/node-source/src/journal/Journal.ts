/**
 * Reads the journal of the host with `journalctl`, so koredump supports the journal format of the installed systemd.
 * Volatile and persistent journal are read as one. Only named fields are requested: a core that is stored inside the
 * journal is never read into memory.
 */
import { maxMetadataBytes, toSingleLine } from "@koredump/core"
import { Context, Effect, Fiber, FileSystem, Layer, Option, type PlatformError, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { closeSync, openSync, readdirSync, readSync } from "node:fs"
import { join } from "node:path"
import type { HostPaths } from "../host/HostPaths.ts"
import { coredumpMessageId, getText, metadataFields, summaryFields } from "./decodeEntry.ts"
import { decodeJournalExport, type ExportLimits, type MalformedExport, type RawEntry } from "./decodeJournalExport.ts"

/** The journal could not be read. `message` is the reason, for example `journalctl not found`. */
export class JournalFailure extends Schema.TaggedError<JournalFailure>()("JournalFailure", {
  message: Schema.String
}) {}

/** Reads entries with the message ID of systemd-coredump. They are not checked: any process can write such entries. */
export class Journal extends Context.Service<Journal, {
  /** The present entries, oldest first, with the fields of a core summary. With a cursor: only entries after it. */
  readonly query: (cursor?: string) => Stream.Stream<RawEntry, JournalFailure>
  /** Like `query`, and then new entries. If it ends, call it again with the cursor of the last entry. */
  readonly follow: (cursor?: string) => Stream.Stream<RawEntry, JournalFailure>
  /** The heavy fields of one entry. None if the journal no longer has the entry. */
  readonly read: (cursor: string) => Effect.Effect<Option.Option<RawEntry>, JournalFailure>
  /**
   * A text that changes when anything is written to the journal. journald notifies followers only after 250 ms. To get an
   * entry sooner, wait for a change of this marker and then call `query`.
   */
  readonly tailMarker: Effect.Effect<string>
  /** Sentences for operators. Empty if the journal exists. */
  readonly warnings: Effect.Effect<ReadonlyArray<string>>
}>()("@koredump/node-source/Journal") {}

const summaryLimits: ExportLimits = { fieldBytes: 1 << 20, entryBytes: 4 << 20 }
// A text is never shorter in JSON than in the journal, so more could not be sent.
const metadataLimits: ExportLimits = { fieldBytes: maxMetadataBytes, entryBytes: maxMetadataBytes }
const maxErrorText = 500

const toJournalFailure = (error: JournalFailure | MalformedExport | PlatformError.PlatformError): JournalFailure => {
  switch (error._tag) {
    case "JournalFailure":
      return error
    case "MalformedExport":
      return new JournalFailure({ message: `journalctl failed: ${error.message}` })
    case "PlatformError":
      return new JournalFailure({
        message: error.reason._tag === "NotFound"
          ? "journalctl not found. Install systemd where the server runs"
          : `journalctl failed: ${error.reason._tag}`
      })
  }
}

const toFieldsOption = (names: ReadonlyArray<string>) => `--output-fields=${names.join(",")}`
const toCursorOptions = (cursor: string | undefined) => cursor === undefined ? [] : [`--after-cursor=${cursor}`]

const make = Effect.fnUntraced(function*(paths: HostPaths) {
  const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
  const fs = yield* FileSystem.FileSystem
  const machineId = yield* fs.readFileString(paths.machineId).pipe(
    Effect.map((text) => /^[0-9a-f]{32}$/.exec(text.trim())?.[0]),
    Effect.orElseSucceed(() => undefined)
  )

  const makeCommand = (options: ReadonlyArray<string>) =>
    ChildProcess.make("journalctl", [
      `--root=${paths.root}`,
      // Without --merge, --follow shows only the current boot, and ends if the journal has no entry of it yet.
      "--merge",
      "--output=export",
      ...options,
      `MESSAGE_ID=${coredumpMessageId}`,
      // The directory may also contain journals of containers and of other machines.
      ...(machineId === undefined ? [] : [`_MACHINE_ID=${machineId}`])
    ], {
      env: { LC_ALL: "C", SYSTEMD_COLORS: "0", SYSTEMD_PAGER: "" },
      extendEnv: true,
      stdin: "ignore",
      forceKillAfter: "2 seconds"
    })

  const runJournalctl = (
    options: ReadonlyArray<string>,
    limits: ExportLimits
  ): Stream.Stream<RawEntry, JournalFailure> =>
    Stream.unwrap(Effect.gen(function*() {
      const handle = yield* spawner.spawn(makeCommand(options))
      let errorOutput = ""
      const readingErrors = yield* handle.stderr.pipe(
        Stream.decodeText(),
        Stream.runForEach((text) =>
          Effect.sync(() => {
            errorOutput = (errorOutput + text).slice(-maxErrorText)
          })
        ),
        Effect.ignore,
        Effect.forkScoped
      )
      const checkExit = Effect.gen(function*() {
        const code = yield* Effect.mapError(
          handle.exitCode,
          () => new JournalFailure({ message: "journalctl failed: terminated by a signal" })
        )
        if (code === 0) return
        // The error output may arrive after the exit code.
        yield* Effect.timeoutOption(Fiber.join(readingErrors), "1 second")
        const lastLine = toSingleLine(errorOutput.trim().split("\n").at(-1) ?? "").replace(/\.$/, "")
        return yield* new JournalFailure({
          message: `journalctl failed: ${lastLine === "" ? `exit code ${code}` : lastLine}`
        })
      })
      return handle.stdout.pipe(
        Stream.concat(Stream.fromEffectDrain(checkExit)),
        decodeJournalExport(limits)
      )
    })).pipe(Stream.mapError(toJournalFailure))

  /** Identities of the journal directories. journalctl watches only directories that existed when it started. */
  const identifyDirectories = Effect.forEach(paths.journalDirs, (path) =>
    fs.stat(path).pipe(
      Effect.map((info) => `${info.dev}-${Option.getOrElse(info.ino, () => 0)}`),
      Effect.orElseSucceed(() => "")
    ))

  const waitForOtherDirectories = Effect.gen(function*() {
    const first = (yield* identifyDirectories).join()
    while ((yield* identifyDirectories).join() === first) yield* Effect.sleep("5 seconds")
  })

  return Journal.of({
    query: (cursor) => runJournalctl([toFieldsOption(summaryFields), ...toCursorOptions(cursor)], summaryLimits),
    follow: (cursor) =>
      runJournalctl([toFieldsOption(summaryFields), "--follow", "--no-tail", ...toCursorOptions(cursor)], summaryLimits)
        .pipe(
          Stream.interruptWhen(waitForOtherDirectories)
        ),
    read: (cursor) =>
      runJournalctl([toFieldsOption(metadataFields), `--cursor=${cursor}`, "--lines=1"], metadataLimits).pipe(
        Stream.runHead,
        // If the entry is gone, journalctl returns the next one.
        Effect.map(Option.filter((entry) => getText(entry, "__CURSOR") === cursor))
      ),
    tailMarker: Effect.sync(() => readTailMarker(paths)),
    warnings: Effect.map(identifyDirectories, (identities) =>
      identities.some((identity) => identity !== "")
        ? []
        : [
          `Journal not found: neither ${paths.journalDirs.join(" nor ")} exists. ` +
          "Check that systemd-journald runs and that its directories are mounted."
        ])
  })
})

/** Offset of `tail_entry_seqnum` in the header of a journal file (systemd.io/JOURNAL_FILE_FORMAT). */
const tailOffset = 160

/** The sequence numbers of the newest entries in all active journal files. */
const readTailMarker = (paths: HostPaths): string => {
  const numbers: Array<string> = []
  const buffer = Buffer.alloc(8)
  for (const parent of paths.journalDirs) {
    for (const directory of listNames(parent)) {
      for (const name of listNames(join(parent, directory))) {
        // Archived journal files have an @ in their name.
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
          // Not readable, or just rotated. The marker is only a hint.
        }
      }
    }
  }
  return numbers.join()
}

const listNames = (path: string): ReadonlyArray<string> => {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}

/** The journal of the host with these paths, read with `journalctl`. */
export const layerJournalctl = (
  paths: HostPaths
): Layer.Layer<Journal, never, ChildProcessSpawner.ChildProcessSpawner | FileSystem.FileSystem> =>
  Layer.effect(Journal, make(paths))
