import { assert, describe, it } from "@effect/vitest"
import { CoreId, type CoreRef, CoreSource } from "@koredump/core"
import { coreSourceContract, FakeCores } from "@koredump/core/testing"
import { Effect, Layer, Logger, Schedule, Stream } from "effect"
import { execFileSync } from "node:child_process"
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { Journal } from "../src/journal/Journal.ts"
import { SystemdHost } from "../src/SystemdHost.ts"
import { CoresDir, entryFields, layerFakeHost, storeFile, toCoreId } from "./support/FakeHost.ts"
import { listCores, toStates, waitForCores } from "./support/listCores.ts"
import { JournalScript, layerScripted } from "./support/ScriptedJournal.ts"

const toBytes = (text: string) => new TextEncoder().encode(text)
const content = toBytes("core")
const toRef = (id: CoreId): CoreRef => ({ node: "node-1", id })

/** Waits until there are this many warnings about unreadable cores. */
const waitForUnreadableWarnings = (count: number) =>
  SystemdHost.use((host) => host.warnings).pipe(
    Effect.map((warnings) => warnings.filter((warning) => warning.startsWith("Some core files are not readable"))),
    Effect.repeat({ until: (warnings) => warnings.length === count, schedule: Schedule.spaced("10 millis") })
  )

describe("SystemdCoreSource", () => {
  describe("is a CoreSource", () => {
    for (const { name, run, waits } of coreSourceContract) {
      const test = waits ? it.effect : it.live
      test(name, () => run.pipe(Effect.provide(layerFakeHost())))
    }
  })

  it.live("shows a core immediately, and the fields of its journal entry later", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const journal = yield* JournalScript
      const id = toCoreId({})
      yield* storeFile(dir, id, content)
      yield* waitForCores((cores) => toStates(cores) === "pending")
      yield* journal.write(entryFields({ content, fields: { COREDUMP_EXE: "/bin/crashme" } }))
      yield* waitForCores((cores) => toStates(cores) === "present")
      const [core] = yield* listCores
      assert.strictEqual(core?.COREDUMP_EXE, "/bin/crashme")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("polls for the entry of a new core", () =>
    Effect.gen(function*() {
      const script = yield* FakeCores
      yield* script.put({ content })
      yield* waitForCores((cores) => toStates(cores) === "present")
    }).pipe(Effect.provide(layerFakeHost({ journal: layerScripted({ lateFollower: true }) }))))

  it.live("matches a core with an entry that has another compression", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const journal = yield* JournalScript
      yield* journal.write(entryFields({ content, compression: "zstd" }))
      yield* waitForCores((cores) => toStates(cores) === "missing")
      yield* storeFile(dir, toCoreId({ compression: "lz4" }), content)
      yield* waitForCores((cores) => toStates(cores) === "present")
      const cores = yield* listCores
      assert.deepStrictEqual(cores.map(({ compression }) => compression), ["lz4"])
      rmSync(join(dir, toCoreId({ compression: "lz4" })))
      yield* waitForCores((cores) => toStates(cores) === "missing")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("ignores entries that systemd-coredump did not write", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const journal = yield* JournalScript
      const forged = { _UID: "65534", _EXE: "/usr/bin/logger", COREDUMP_CGROUP: "/kubepods/forged" }
      yield* storeFile(dir, toCoreId({ pid: 1 }), content)
      yield* journal.write({ ...entryFields({ pid: 1, content }), ...forged })
      yield* journal.write(entryFields({ pid: 2 }))
      yield* waitForCores((cores) => cores.length === 2)
      assert.deepStrictEqual(toStates(yield* listCores), "pending,missing")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("invalid files do not hide cores", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => {
      lines.push([message].flat().join(" "))
    })
    const good = toCoreId({ pid: 1 })
    const empty = toCoreId({ pid: 2, compression: "zstd" })
    const fifo = toCoreId({ pid: 3 })
    const link = toCoreId({ pid: 4 })
    const directory = toCoreId({ pid: 5 })
    const prepare = (dir: string) => {
      writeFileSync(join(dir, good), content)
      writeFileSync(join(dir, empty), "")
      writeFileSync(join(dir, "core.12345"), "not from systemd-coredump")
      writeFileSync(join(dir, `.#${good}0123456789abcdef`), "unfinished")
      execFileSync("mkfifo", [join(dir, fifo)])
      symlinkSync("/etc/passwd", join(dir, link))
      mkdirSync(join(dir, directory))
    }
    return Effect.gen(function*() {
      const source = yield* CoreSource
      assert.deepStrictEqual((yield* listCores).map(({ id, size }) => [id, size]), [[good, 4], [empty, 0]])
      for (const id of [fifo, link, directory]) {
        assert.strictEqual((yield* Effect.flip(Effect.scoped(source.open(toRef(id)))))._tag, "CoreNotFound")
        assert.strictEqual((yield* Effect.flip(source.remove(toRef(id))))._tag, "CoreNotFound")
      }
      const logged = lines.filter((line) => line === "Invalid file in the coredump directory")
      assert.strictEqual(logged.length, 4)
    }).pipe(Effect.provide(layerFakeHost({ prepare }).pipe(Layer.provide(Logger.layer([logger])))))
  })

  it.live("does not follow a symbolic link that replaced a core file", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      const script = yield* FakeCores
      const { id } = yield* script.put({ content })
      yield* waitForCores((cores) => toStates(cores) === "present")
      rmSync(join(dir, id))
      symlinkSync("/etc/passwd", join(dir, id))
      yield* waitForCores((cores) => toStates(cores) === "missing")
      assert.strictEqual((yield* Effect.flip(Effect.scoped(source.open(toRef(id)))))._tag, "CoreNotStored")
      assert.strictEqual((yield* Effect.flip(source.remove(toRef(id))))._tag, "CoreNotStored")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("reads a file that was deleted, and fails if it was truncated", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      const script = yield* FakeCores
      const large = new Uint8Array(1 << 20).fill(7)
      const { id } = yield* script.put({ content: large })
      yield* waitForCores((cores) => toStates(cores) === "present")
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* source.open(toRef(id))
        truncateSync(join(dir, id), 300_000)
        const failure = yield* Effect.flip(Stream.runDrain(file.bytes()))
        assert.strictEqual(failure._tag, "CoreUnreadable")
        const kept = yield* Stream.runFold(file.bytes({ start: 0, end: 300_000 }), () => 0, (n, c) => n + c.length)
        assert.strictEqual(kept, 300_000)
        rmSync(join(dir, id))
        const buffer = new Uint8Array(10)
        assert.strictEqual(yield* Effect.promise(() => file.read!(buffer, 299_995)), 5)
        assert.strictEqual(yield* Effect.promise(() => file.read!(buffer, 300_000)), 0)
      }))
      yield* waitForCores((cores) => toStates(cores) === "missing")
      const failure = yield* Effect.flip(Effect.scoped(source.open(toRef(id))))
      assert.deepInclude(failure, { _tag: "CoreNotStored", detail: "The core file is gone (deleted or vacuumed)." })
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("lists a core that is not readable, and warns", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      const id = toCoreId({})
      yield* storeFile(dir, id, content)
      chmodSync(join(dir, id), 0)
      yield* waitForCores(([core]) => core?.reason !== undefined)
      assert.include((yield* waitForUnreadableWarnings(1))[0], `for example ${id}: permission denied (owner `)
      assert.strictEqual((yield* Effect.flip(Effect.scoped(source.open(toRef(id)))))._tag, "CoreUnreadable")
      rmSync(join(dir, id))
      yield* waitForUnreadableWarnings(0)
    }).pipe(Effect.provide(layerFakeHost())), { skip: canReadAllFiles() })

  it.live("deletes only if deletion is enabled", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const script = yield* FakeCores
      const core = yield* script.put({ content })
      yield* waitForCores((cores) => toStates(cores) === "present")
      assert.strictEqual((yield* Effect.flip(source.remove(core)))._tag, "DeletionDisabled")
      assert.strictEqual((yield* Effect.flip(source.remove((yield* listCores)[0]!)))._tag, "DeletionDisabled")
    }).pipe(Effect.provide(layerFakeHost({ allowDelete: false }))))

  it.live("accepts core summaries as references", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const script = yield* FakeCores
      yield* script.put({ content })
      yield* waitForCores((cores) => toStates(cores) === "present")
      const [core] = yield* listCores
      yield* source.remove(core!)
      assert.strictEqual((yield* Effect.flip(source.remove(core!)))._tag, "CoreNotStored")
      assert.strictEqual((yield* Effect.flip(source.get({ ...core!, node: "elsewhere" })))._tag, "CoreNotFound")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("reads heavy fields on request, and works without them", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const journal = yield* JournalScript
      const cursor = yield* journal.write(entryFields({ fields: { COREDUMP_ENVIRON: "A=1", MESSAGE: "crashed" } }))
      yield* waitForCores((cores) => cores.length === 1)
      assert.deepInclude(yield* source.get(toRef(toCoreId({}))), { COREDUMP_ENVIRON: "A=1", MESSAGE: "crashed" })
      yield* journal.removeEntry(cursor)
      const metadata = yield* source.get(toRef(toCoreId({})))
      assert.notProperty(metadata, "MESSAGE")
      assert.strictEqual(metadata.COREDUMP_PID, 4242)
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("works without a journal, and warns", () =>
    Effect.gen(function*() {
      const [node] = yield* CoreSource.use((source) => source.nodes)
      assert.deepInclude(node, { state: "ready", cores: 1, warnings: ["Journal not readable: journalctl not found."] })
      assert.strictEqual(toStates(yield* listCores), "pending")
    }).pipe(Effect.provide(layerFakeHost({
      journal: layerScripted({ broken: true }),
      prepare: (dir) => writeFileSync(join(dir, toCoreId({})), content)
    }))))

  it.live("warns if an internal error ends the journal reader, and continues without it", () =>
    Effect.gen(function*() {
      const host = yield* SystemdHost
      yield* storeFile(yield* CoresDir, toCoreId({}), content)
      yield* waitForCores((cores) => toStates(cores) === "pending")
      assert.deepStrictEqual(yield* host.warnings, [
        "Journal reader stopped: internal error, see the log. Restart the server."
      ])
    }).pipe(Effect.provide(layerFakeHost({
      journal: Layer.merge(
        layerScripted(),
        Layer.mock(Journal)({ query: () => Stream.die(new Error("a defect")), warnings: Effect.succeed([]) })
      )
    }))))

  it.live("waits for a directory that does not exist, is removed or replaced", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const host = yield* SystemdHost
      assert.match(
        (yield* host.warnings).join(),
        /^Coredump directory \S+ not watchable: no such file or directory\. Check that systemd-coredump is installed/
      )
      mkdirSync(dir)
      yield* storeFile(dir, toCoreId({ pid: 1 }), content)
      yield* waitForCores((cores) => cores.length === 1)
      assert.deepStrictEqual(yield* host.warnings, [])
      renameSync(dir, `${dir}.old`)
      yield* waitForCores((cores) => cores.length === 0)
      mkdirSync(dir)
      yield* storeFile(dir, toCoreId({ pid: 2 }), content)
      yield* waitForCores((cores) => cores[0]?.COREDUMP_PID === 2)
      // A directory that is created again immediately may get the same inode number.
      rmSync(dir, { recursive: true })
      mkdirSync(dir)
      yield* storeFile(dir, toCoreId({ pid: 3 }), content)
      yield* waitForCores((cores) => cores[0]?.COREDUMP_PID === 3)
      rmSync(`${dir}.old`, { recursive: true })
    }).pipe(Effect.provide(layerFakeHost({ prepare: (dir) => rmSync(dir, { recursive: true }) }))), 10_000)

  it.live("limits the number of cores", () =>
    Effect.gen(function*() {
      const journal = yield* JournalScript
      for (let pid = 1; pid <= 30; pid++) yield* journal.write(entryFields({ pid, time: 1_700_000_000_000_000 + pid }))
      yield* waitForCores((cores) => cores.at(-1)?.COREDUMP_PID === 30)
      assert.strictEqual((yield* listCores).length, 10)
    }).pipe(Effect.provide(layerFakeHost({ maxCores: 10 }))))

  it.live("fails to decompress a corrupt core", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      yield* storeFile(dir, toCoreId({ compression: "zstd" }), toBytes("not zstd at all"))
      yield* waitForCores((cores) => cores.length === 1)
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* source.open(toRef(CoreId.make(toCoreId({ compression: "zstd" }))))
        const failure = yield* Effect.flip(Stream.runDrain(file.decompressed))
        assert.strictEqual(failure._tag, "CoreUnreadable")
      }))
    }).pipe(Effect.provide(layerFakeHost())))
})

/** Whether this process can read all files, like root with its capabilities. */
function canReadAllFiles(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
  return (BigInt(`0x${effective ?? "0"}`) & 0b110n) !== 0n
}
