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
import { CoresDir, entryFields, idOf, layerFakeHost, store } from "./support/FakeHost.ts"
import { JournalScript, layerScripted } from "./support/ScriptedJournal.ts"
import { listed, states, until } from "./support/watching.ts"

const bytesOf = (text: string) => new TextEncoder().encode(text)
const content = bytesOf("core")
const ref = (id: CoreId): CoreRef => ({ node: "node-1", id })

/** What the host says of cores that it cannot read, once that is so many times. */
const said = (count: number) =>
  SystemdHost.use((host) => host.warnings).pipe(
    Effect.map((warnings) => warnings.filter((warning) => warning.startsWith("not all cores can be read"))),
    Effect.repeat({ until: (said) => said.length === count, schedule: Schedule.spaced("10 millis") })
  )

describe("SystemdCoreSource", () => {
  describe("is a CoreSource", () => {
    for (const { name, run } of coreSourceContract) {
      it.live(name, () => run.pipe(Effect.provide(layerFakeHost())))
    }
  })

  it.live("shows a core at once, its journal's facts when they come", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const journal = yield* JournalScript
      const id = idOf({})
      yield* store(dir, id, content)
      yield* until((cores) => states(cores) === "pending")
      yield* journal.write(entryFields({ content, fields: { COREDUMP_EXE: "/bin/crashme" } }))
      yield* until((cores) => states(cores) === "present")
      const [core] = yield* listed
      assert.strictEqual(core?.COREDUMP_EXE, "/bin/crashme")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("asks for an entry that is due, where the follower is late", () =>
    Effect.gen(function*() {
      const script = yield* FakeCores
      yield* script.put({ content })
      yield* until((cores) => states(cores) === "present")
    }).pipe(Effect.provide(layerFakeHost({ journal: layerScripted({ lateFollower: true }) }))))

  it.live("knows a core by the entry of its other compression", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const journal = yield* JournalScript
      yield* journal.write(entryFields({ content, compression: "zstd" }))
      yield* until((cores) => states(cores) === "missing")
      yield* store(dir, idOf({ compression: "lz4" }), content)
      yield* until((cores) => states(cores) === "present")
      const cores = yield* listed
      assert.deepStrictEqual(cores.map(({ compression }) => compression), ["lz4"])
      rmSync(join(dir, idOf({ compression: "lz4" })))
      yield* until((cores) => states(cores) === "missing")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("believes systemd-coredump alone", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const journal = yield* JournalScript
      const forged = { _UID: "65534", _EXE: "/usr/bin/logger", COREDUMP_CGROUP: "/kubepods/forged" }
      yield* store(dir, idOf({ pid: 1 }), content)
      yield* journal.write({ ...entryFields({ pid: 1, content }), ...forged })
      yield* journal.write(entryFields({ pid: 2 }))
      yield* until((cores) => cores.length === 2)
      assert.deepStrictEqual(states(yield* listed), "pending,missing")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("no core hides another", () => {
    const lines: Array<string> = []
    const logger = Logger.make(({ message }) => {
      lines.push(String(message))
    })
    const good = idOf({ pid: 1 })
    const empty = idOf({ pid: 2, compression: "zstd" })
    const fifo = idOf({ pid: 3 })
    const link = idOf({ pid: 4 })
    const folder = idOf({ pid: 5 })
    const prepare = (dir: string) => {
      writeFileSync(join(dir, good), content)
      writeFileSync(join(dir, empty), "")
      writeFileSync(join(dir, "core.12345"), "not systemd-coredump's")
      writeFileSync(join(dir, `.#${good}0123456789abcdef`), "unfinished")
      execFileSync("mkfifo", [join(dir, fifo)])
      symlinkSync("/etc/passwd", join(dir, link))
      mkdirSync(join(dir, folder))
    }
    return Effect.gen(function*() {
      const source = yield* CoreSource
      assert.deepStrictEqual((yield* listed).map(({ id, size }) => [id, size]), [[good, 4], [empty, 0]])
      for (const id of [fifo, link, folder]) {
        assert.strictEqual((yield* Effect.flip(Effect.scoped(source.open(ref(id)))))._tag, "CoreNotFound")
        assert.strictEqual((yield* Effect.flip(source.remove(ref(id))))._tag, "CoreNotFound")
      }
      const logged = lines.filter((line) => line.includes("is no core"))
      assert.strictEqual(logged.length, 4)
    }).pipe(Effect.provide(layerFakeHost({ prepare }).pipe(Layer.provide(Logger.layer([logger])))))
  })

  it.live("follows no link that has come to a core's place", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      const script = yield* FakeCores
      const { id } = yield* script.put({ content })
      yield* until((cores) => states(cores) === "present")
      rmSync(join(dir, id))
      symlinkSync("/etc/passwd", join(dir, id))
      yield* until((cores) => states(cores) === "missing")
      assert.strictEqual((yield* Effect.flip(Effect.scoped(source.open(ref(id)))))._tag, "CoreNotStored")
      assert.strictEqual((yield* Effect.flip(source.remove(ref(id))))._tag, "CoreNotStored")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("reads a file to its end though it is deleted, and fails when it gets shorter", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      const script = yield* FakeCores
      const large = new Uint8Array(1 << 20).fill(7)
      const { id } = yield* script.put({ content: large })
      yield* until((cores) => states(cores) === "present")
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* source.open(ref(id))
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
      yield* until((cores) => states(cores) === "missing")
      const failure = yield* Effect.flip(Effect.scoped(source.open(ref(id))))
      assert.deepInclude(failure, { _tag: "CoreNotStored", detail: "the file is gone (vacuumed or deleted)" })
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("lists what it cannot read, and says so", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      const id = idOf({})
      yield* store(dir, id, content)
      chmodSync(join(dir, id), 0)
      yield* until(([core]) => core?.reason !== undefined)
      assert.include((yield* said(1))[0], `not ${id}: the file cannot be read: no permission`)
      assert.strictEqual((yield* Effect.flip(Effect.scoped(source.open(ref(id)))))._tag, "CoreUnreadable")
      rmSync(join(dir, id))
      yield* said(0)
    }).pipe(Effect.provide(layerFakeHost())), { skip: isAllPowerful() })

  it.live("deletes only where it may", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const script = yield* FakeCores
      const core = yield* script.put({ content })
      yield* until((cores) => states(cores) === "present")
      assert.strictEqual((yield* Effect.flip(source.remove(core)))._tag, "DeletionDisabled")
      assert.strictEqual((yield* Effect.flip(source.remove((yield* listed)[0]!)))._tag, "DeletionDisabled")
    }).pipe(Effect.provide(layerFakeHost({ allowDelete: false }))))

  it.live("takes whole summaries as references", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const script = yield* FakeCores
      yield* script.put({ content })
      yield* until((cores) => states(cores) === "present")
      const [core] = yield* listed
      yield* source.remove(core!)
      assert.strictEqual((yield* Effect.flip(source.remove(core!)))._tag, "CoreNotStored")
      assert.strictEqual((yield* Effect.flip(source.get({ ...core!, node: "elsewhere" })))._tag, "CoreNotFound")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("reads the heavy fields when asked for, and does without them", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const journal = yield* JournalScript
      const cursor = yield* journal.write(entryFields({ fields: { COREDUMP_ENVIRON: "A=1", MESSAGE: "crashed" } }))
      yield* until((cores) => cores.length === 1)
      assert.deepInclude(yield* source.get(ref(idOf({}))), { COREDUMP_ENVIRON: "A=1", MESSAGE: "crashed" })
      yield* journal.forget(cursor)
      const metadata = yield* source.get(ref(idOf({})))
      assert.notProperty(metadata, "MESSAGE")
      assert.strictEqual(metadata.COREDUMP_PID, 4242)
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("runs without a journal, and says so", () =>
    Effect.gen(function*() {
      const [node] = yield* CoreSource.use((source) => source.nodes)
      assert.deepInclude(node, { state: "ready", cores: 1, warnings: ["journalctl is not there"] })
      assert.strictEqual(states(yield* listed), "pending")
    }).pipe(Effect.provide(layerFakeHost({
      journal: layerScripted({ broken: true }),
      prepare: (dir) => writeFileSync(join(dir, idOf({})), content)
    }))))

  it.live("says it where a defect ends the reading of the journal, and goes on without", () =>
    Effect.gen(function*() {
      const host = yield* SystemdHost
      yield* store(yield* CoresDir, idOf({}), content)
      yield* until((cores) => states(cores) === "pending")
      assert.deepStrictEqual(yield* host.warnings, [
        "the journal is not read any more, by a defect of koredump: see the log"
      ])
    }).pipe(Effect.provide(layerFakeHost({
      journal: Layer.merge(
        layerScripted(),
        Layer.mock(Journal)({ query: () => Stream.die(new Error("a defect")), lacking: Effect.succeed([]) })
      )
    }))))

  it.live("waits for a directory that is not there, goes, and is replaced", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const host = yield* SystemdHost
      assert.match((yield* host.warnings).join(), /it does not exist/)
      mkdirSync(dir)
      yield* store(dir, idOf({ pid: 1 }), content)
      yield* until((cores) => cores.length === 1)
      assert.deepStrictEqual(yield* host.warnings, [])
      renameSync(dir, `${dir}.old`)
      yield* until((cores) => cores.length === 0)
      mkdirSync(dir)
      yield* store(dir, idOf({ pid: 2 }), content)
      yield* until((cores) => cores[0]?.COREDUMP_PID === 2)
      // Made anew at once it may well have the inode number that it had.
      rmSync(dir, { recursive: true })
      mkdirSync(dir)
      yield* store(dir, idOf({ pid: 3 }), content)
      yield* until((cores) => cores[0]?.COREDUMP_PID === 3)
      rmSync(`${dir}.old`, { recursive: true })
    }).pipe(Effect.provide(layerFakeHost({ prepare: (dir) => rmSync(dir, { recursive: true }) }))), 10_000)

  it.live("is bounded", () =>
    Effect.gen(function*() {
      const journal = yield* JournalScript
      for (let pid = 1; pid <= 30; pid++) yield* journal.write(entryFields({ pid, time: 1_700_000_000_000_000 + pid }))
      yield* until((cores) => cores.at(-1)?.COREDUMP_PID === 30)
      assert.strictEqual((yield* listed).length, 10)
    }).pipe(Effect.provide(layerFakeHost({ maxCores: 10 }))))

  it.live("decompresses, and fails on corrupt cores", () =>
    Effect.gen(function*() {
      const source = yield* CoreSource
      const dir = yield* CoresDir
      yield* store(dir, idOf({ compression: "zstd" }), bytesOf("not zstd at all"))
      yield* until((cores) => cores.length === 1)
      yield* Effect.scoped(Effect.gen(function*() {
        const file = yield* source.open(ref(CoreId.make(idOf({ compression: "zstd" }))))
        const failure = yield* Effect.flip(Stream.runDrain(file.decompressed))
        assert.strictEqual(failure._tag, "CoreUnreadable")
      }))
    }).pipe(Effect.provide(layerFakeHost())))
})

/** Whether this process reads files whatever their mode: root with all its capabilities does. */
function isAllPowerful(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1]
  return (BigInt(`0x${effective ?? "0"}`) & 0b110n) !== 0n
}
