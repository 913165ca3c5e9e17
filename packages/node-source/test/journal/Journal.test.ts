import { NodeServices } from "@effect/platform-node"
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { makeHostPaths } from "../../src/host/HostPaths.ts"
import { decodeEntry, decodeMetadata, getText } from "../../src/journal/decodeEntry.ts"
import { Journal, layerJournalctl } from "../../src/journal/Journal.ts"

const hasJournalctl = spawnSync("journalctl", ["--version"]).status === 0
const archive = new URL("../../../../examples/sample-host/sample-host.tar.gz", import.meta.url).pathname
const host = { coredumpUid: undefined, machine: undefined }

/** Unpacks the sample host, whose journal has real crashes. */
const unpackSampleHost = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const dir = yield* fs.makeTempDirectoryScoped()
  execFileSync("tar", ["-xzf", archive, "-C", dir])
  return join(dir, "sample-host")
})

const layerAt = (root: string) => layerJournalctl(makeHostPaths({ root }))
const layerSample = Layer.unwrap(Effect.map(unpackSampleHost, layerAt)).pipe(Layer.provideMerge(NodeServices.layer))

/** The PIDs of child processes with this name. */
const findChildren = (name: string) =>
  readdirSync("/proc").filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      return stat.includes(`(${name})`) && stat.slice(stat.lastIndexOf(")")).split(" ")[2] === String(process.pid)
    } catch {
      return false
    }
  })

describe.skipIf(!hasJournalctl)("Journal with journalctl", () => {
  it.live("queries the journal of a mounted host, completely or after a cursor", () =>
    Effect.gen(function*() {
      const journal = yield* Journal
      const entries = yield* Stream.runCollect(journal.query())
      assert.isAbove(entries.length, 3)
      for (const entry of entries) {
        assert.isDefined(decodeEntry(entry, host))
        assert.isFalse(entry.has("COREDUMP") || entry.has("COREDUMP_PROC_MAPS"))
      }
      const later = yield* Stream.runCollect(journal.query(getText(entries[1]!, "__CURSOR")))
      assert.strictEqual(later.length, entries.length - 2)
      assert.deepStrictEqual(yield* journal.warnings, [])
      assert.notStrictEqual(yield* journal.tailMarker, "")
    }).pipe(Effect.provide(layerSample)))

  it.live("reads the heavy fields of one entry, or none if it is gone", () =>
    Effect.gen(function*() {
      const journal = yield* Journal
      const entries = yield* Stream.runCollect(journal.query())
      for (const entry of entries) {
        const cursor = getText(entry, "__CURSOR")!
        const heavy = decodeMetadata(Option.getOrThrow(yield* journal.read(cursor))).fields
        assert.strictEqual(heavy["MESSAGE"], getText(entry, "MESSAGE"))
        assert.property(heavy, "COREDUMP_PROC_MAPS")
        const other = cursor.replace(/x=.*$/, "x=0123456789abcdef").replace(/i=[0-9a-f]+/, "i=1")
        assert.isTrue(Option.isNone(yield* journal.read(other)))
      }
      assert.match((yield* Effect.flip(journal.read("no cursor"))).message, /cursor/)
    }).pipe(Effect.provide(layerSample)))

  it.live("follows present and new entries, and leaves no process behind", () =>
    Effect.gen(function*() {
      const root = yield* unpackSampleHost
      const fs = yield* FileSystem.FileSystem
      yield* Effect.gen(function*() {
        const journal = yield* Journal
        const entries = yield* Stream.runCollect(journal.query())
        const followed = yield* journal.follow().pipe(
          Stream.take(entries.length),
          Stream.tap(() => Effect.sync(() => assert.strictEqual(findChildren("journalctl").length, 1))),
          Stream.runCollect
        )
        assert.strictEqual(followed.length, entries.length)
        assert.deepStrictEqual(findChildren("journalctl"), [])
      }).pipe(Effect.provide(layerAt(root)))

      // A journal that is created while it is followed.
      const late = yield* fs.makeTempDirectoryScoped()
      yield* fs.makeDirectory(join(late, "run/log/journal"), { recursive: true })
      yield* fs.makeDirectory(join(late, "etc"))
      yield* fs.copyFile(join(root, "etc/machine-id"), join(late, "etc/machine-id"))
      yield* Effect.gen(function*() {
        const journal = yield* Journal
        assert.deepStrictEqual(yield* Stream.runCollect(journal.query()), [])
        const appear = Effect.gen(function*() {
          while (findChildren("journalctl").length === 0) yield* Effect.sleep("20 millis")
          yield* fs.copy(join(root, "var/log/journal"), join(late, "run/log/journal"), { overwrite: true })
        })
        yield* Effect.forkChild(appear)
        yield* Stream.runHead(journal.follow())
      }).pipe(Effect.provide(layerAt(late)))
    }).pipe(Effect.provide(NodeServices.layer)), 15_000)

  it.live("warns if there is no journal", () =>
    Effect.gen(function*() {
      const journal = yield* Journal
      assert.deepStrictEqual(yield* Stream.runCollect(journal.query()), [])
      assert.match(
        (yield* journal.warnings).join(),
        /^Journal not found: neither \S+ nor \S+ exists\. Check that systemd-journald runs/
      )
      assert.strictEqual(yield* journal.tailMarker, "")
    }).pipe(Effect.provide(layerAt("/nowhere").pipe(Layer.provideMerge(NodeServices.layer)))))
})

/** The reason why reading fails if `directory` is the only directory in PATH. */
const readFailure = (directory: string) =>
  Journal.use((journal) => {
    vi.stubEnv("PATH", directory)
    return Effect.flip(Stream.runDrain(journal.query())).pipe(
      Effect.map(({ message }) => message),
      Effect.ensuring(Effect.sync(() => vi.unstubAllEnvs()))
    )
  }).pipe(Effect.provide(layerAt("/nowhere")))

/** A spawner that delays the error output of processes, like a busy machine. */
const delayErrorOutput = Effect.map(
  ChildProcessSpawner.ChildProcessSpawner,
  (spawner) =>
    ChildProcessSpawner.make((command) =>
      Effect.map(spawner.spawn(command), (handle) =>
        ChildProcessSpawner.makeHandle({
          ...handle,
          stderr: Stream.concat(Stream.fromEffectDrain(Effect.sleep("50 millis")), handle.stderr)
        }))
    )
)

describe("Journal without a working journalctl", () => {
  it.live("fails if journalctl is not installed", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* readFailure("/nowhere"), "journalctl not found. Install systemd where the server runs")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("fails with the last line of the error output, even if it arrives after the exit code", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const script = "#!/bin/sh\necho no luck >&2\nexit 1\n"
      yield* fs.writeFileString(join(directory, "journalctl"), script, { mode: 0o755 })
      const failure = readFailure(directory).pipe(
        Effect.provideServiceEffect(ChildProcessSpawner.ChildProcessSpawner, delayErrorOutput)
      )
      assert.strictEqual(yield* failure, "journalctl failed: no luck")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
