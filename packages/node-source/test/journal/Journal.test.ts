import { NodeServices } from "@effect/platform-node"
import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, FileSystem, Layer, Option, Stream } from "effect"
import { ChildProcessSpawner } from "effect/process"
import { execFileSync, spawnSync } from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { hostPaths } from "../../src/host/HostPaths.ts"
import { Journal, layerJournalctl } from "../../src/journal/Journal.ts"
import { readEntry, readMetadata, textOf } from "../../src/journal/JournalEntry.ts"

const hasJournalctl = spawnSync("journalctl", ["--version"]).status === 0
const archive = new URL("../../../../examples/sample-host/sample-host.tar.gz", import.meta.url).pathname
const host = { coredumpUid: undefined, machine: undefined }

/** A journal of real crashes: the sample host's. */
const sampleHost = Effect.gen(function*() {
  const fs = yield* FileSystem.FileSystem
  const dir = yield* fs.makeTempDirectoryScoped()
  execFileSync("tar", ["-xzf", archive, "-C", dir])
  return join(dir, "sample-host")
})

const layerAt = (root: string) => layerJournalctl(hostPaths({ root }))
const layerSample = Layer.unwrap(Effect.map(sampleHost, layerAt)).pipe(Layer.provideMerge(NodeServices.layer))

const childrenOf = (name: string) =>
  readdirSync("/proc").filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
      return stat.includes(`(${name})`) && stat.slice(stat.lastIndexOf(")")).split(" ")[2] === String(process.pid)
    } catch {
      return false
    }
  })

describe.skipIf(!hasJournalctl)("Journal, by journalctl", () => {
  it.live("reads a mounted host's journal, all of it or from a cursor on", () =>
    Effect.gen(function*() {
      const journal = yield* Journal
      const entries = yield* Stream.runCollect(journal.query())
      assert.isAbove(entries.length, 3)
      for (const entry of entries) {
        assert.isDefined(readEntry(entry, host))
        assert.isFalse(entry.has("COREDUMP") || entry.has("COREDUMP_PROC_MAPS"))
      }
      const later = yield* Stream.runCollect(journal.query(textOf(entries[1]!, "__CURSOR")))
      assert.strictEqual(later.length, entries.length - 2)
      assert.deepStrictEqual(yield* journal.lacking, [])
      assert.notStrictEqual(yield* journal.pulse, "")
    }).pipe(Effect.provide(layerSample)))

  it.live("reads the heavy fields of the very entry, or none", () =>
    Effect.gen(function*() {
      const journal = yield* Journal
      const entries = yield* Stream.runCollect(journal.query())
      for (const entry of entries) {
        const cursor = textOf(entry, "__CURSOR")!
        const heavy = readMetadata(Option.getOrThrow(yield* journal.read(cursor)))
        assert.strictEqual(heavy["MESSAGE"], textOf(entry, "MESSAGE"))
        assert.property(heavy, "COREDUMP_PROC_MAPS")
        const other = cursor.replace(/x=.*$/, "x=0123456789abcdef").replace(/i=[0-9a-f]+/, "i=1")
        assert.isTrue(Option.isNone(yield* journal.read(other)))
      }
      assert.match((yield* Effect.flip(journal.read("no cursor"))).message, /cursor/)
    }).pipe(Effect.provide(layerSample)))

  it.live("follows what was and what comes, and leaves no process behind", () =>
    Effect.gen(function*() {
      const root = yield* sampleHost
      const fs = yield* FileSystem.FileSystem
      yield* Effect.gen(function*() {
        const journal = yield* Journal
        const entries = yield* Stream.runCollect(journal.query())
        const followed = yield* journal.follow().pipe(
          Stream.take(entries.length),
          Stream.tap(() => Effect.sync(() => assert.strictEqual(childrenOf("journalctl").length, 1))),
          Stream.runCollect
        )
        assert.strictEqual(followed.length, entries.length)
        assert.deepStrictEqual(childrenOf("journalctl"), [])
      }).pipe(Effect.provide(layerAt(root)))

      // A journal that appears while it is followed.
      const late = yield* fs.makeTempDirectoryScoped()
      yield* fs.makeDirectory(join(late, "run/log/journal"), { recursive: true })
      yield* fs.makeDirectory(join(late, "etc"))
      yield* fs.copyFile(join(root, "etc/machine-id"), join(late, "etc/machine-id"))
      yield* Effect.gen(function*() {
        const journal = yield* Journal
        assert.deepStrictEqual(yield* Stream.runCollect(journal.query()), [])
        const appear = Effect.gen(function*() {
          while (childrenOf("journalctl").length === 0) yield* Effect.sleep("20 millis")
          yield* fs.copy(join(root, "var/log/journal"), join(late, "run/log/journal"), { overwrite: true })
        })
        yield* Effect.forkChild(appear)
        yield* Stream.runHead(journal.follow())
      }).pipe(Effect.provide(layerAt(late)))
    }).pipe(Effect.provide(NodeServices.layer)), 15_000)

  it.live("says what lacks", () =>
    Effect.gen(function*() {
      const journal = yield* Journal
      assert.deepStrictEqual(yield* Stream.runCollect(journal.query()), [])
      assert.match((yield* journal.lacking).join(), /there is no journal/)
      assert.strictEqual(yield* journal.pulse, "")
    }).pipe(Effect.provide(layerAt("/nowhere").pipe(Layer.provideMerge(NodeServices.layer)))))
})

/** How reading ends where `directory` has the program journalctl, or has not. */
const failureAt = (directory: string) =>
  Journal.use((journal) => {
    vi.stubEnv("PATH", directory)
    return Effect.flip(Stream.runDrain(journal.query())).pipe(
      Effect.map(({ message }) => message),
      Effect.ensuring(Effect.sync(() => vi.unstubAllEnvs()))
    )
  }).pipe(Effect.provide(layerAt("/nowhere")))

/** What programs write to stderr is read late, as on a busy machine. */
const lateStderr = Effect.map(
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

describe("Journal, where journalctl fails", () => {
  it.live("is not installed", () =>
    Effect.gen(function*() {
      assert.strictEqual(yield* failureAt("/nowhere"), "journalctl is not installed")
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("says why, be it read after its end", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const directory = yield* fs.makeTempDirectoryScoped()
      const script = "#!/bin/sh\necho no luck >&2\nexit 1\n"
      yield* fs.writeFileString(join(directory, "journalctl"), script, { mode: 0o755 })
      const failure = failureAt(directory).pipe(
        Effect.provideServiceEffect(ChildProcessSpawner.ChildProcessSpawner, lateStderr)
      )
      assert.strictEqual(yield* failure, "journalctl: no luck")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
