import { assert, describe, it } from "@effect/vitest"
import { CoreId, CoreSource } from "@koredump/core"
import { Effect, Stream } from "effect"
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CoresDir, entryFields, layerFakeHost, storeFile, toCoreId } from "../support/FakeHost.ts"
import { toStates, waitForCores } from "../support/listCores.ts"
import { JournalScript } from "../support/ScriptedJournal.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const content = new TextEncoder().encode("core")
const id = toCoreId({})
const ref = { node: "node-1", id }

/** Collects the events of the source from now on. */
const collectEvents = Effect.gen(function*() {
  const source = yield* CoreSource
  const events: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(source.changes({ filter: { state: "any" } }), (event) =>
      Effect.sync(() => {
        if (event.type === "ADDED" || event.type === "MODIFIED" || event.type === "DELETED") {
          events.push(`${event.type} ${event.object.state}`)
        }
      })),
    { startImmediately: true }
  )
  return events
})

const remove = (core = ref) => CoreSource.use((source) => source.remove(core))

describe("removeCore", () => {
  it.live("a core with a journal entry becomes missing", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* storeFile(dir, id, content)
      yield* (yield* JournalScript).write(entryFields({ content }))
      yield* waitForCores((cores) => toStates(cores) === "present")
      const events = yield* collectEvents
      yield* remove()
      yield* waitForCores((cores) => toStates(cores) === "missing")
      assert.deepStrictEqual(readdirSync(dir), [])
      assert.deepStrictEqual(events, ["ADDED present", "MODIFIED missing"])
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("a core without a journal entry is removed from the list", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* storeFile(dir, id, content)
      yield* waitForCores((cores) => toStates(cores) === "pending")
      const events = yield* collectEvents
      yield* remove()
      yield* waitForCores((cores) => cores.length === 0)
      assert.deepStrictEqual(readdirSync(dir), [])
      assert.deepStrictEqual(events, ["ADDED pending", "DELETED pending"])
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotFound")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("fails with CoreNotStored if the file was just deleted", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* storeFile(dir, id, content)
      yield* waitForCores((cores) => toStates(cores) === "pending")
      rmSync(join(dir, id))
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("deletes neither a symbolic link that replaced the file, nor its target", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const outside = join(yield* temporaryDirectory, "precious")
      writeFileSync(outside, "precious")
      yield* storeFile(dir, id, content)
      yield* waitForCores((cores) => toStates(cores) === "pending")
      rmSync(join(dir, id))
      symlinkSync(outside, join(dir, id))
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
      assert.strictEqual(readFileSync(outside, "utf8"), "precious")
      assert.deepStrictEqual(readdirSync(dir), [id])
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("deletes neither a directory that replaced the file, nor its content", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* storeFile(dir, id, content)
      yield* waitForCores((cores) => toStates(cores) === "pending")
      rmSync(join(dir, id))
      mkdirSync(join(dir, id))
      writeFileSync(join(dir, id, "precious"), "")
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
      assert.isTrue(existsSync(join(dir, id, "precious")))
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("keeps other hard links of the file", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const other = join(yield* temporaryDirectory, "precious")
      yield* storeFile(dir, id, content)
      linkSync(join(dir, id), other)
      yield* waitForCores((cores) => toStates(cores) === "pending")
      yield* remove()
      assert.strictEqual(readFileSync(other, "utf8"), "core")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live.each([
    "core.\\x2e\\x2e\\x2fetc\\x2fpasswd.0.0123456789abcdef0123456789abcdef.1.1700000000000000",
    "core.\\xff\\x00\\x0a.0.0123456789abcdef0123456789abcdef.1.1700000000000000.zst",
    "core.$(rm)*?;'\"&|.0.0123456789abcdef0123456789abcdef.1.1700000000000000.lz4",
    "core.-rf.0.0123456789abcdef0123456789abcdef.1.1700000000000000",
    "core..0.0123456789abcdef0123456789abcdef.1.1700000000000000.xz"
  ])("deletes only the file with this name: %s", (name) =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* storeFile(dir, id, content)
      yield* storeFile(dir, name, content)
      yield* waitForCores((cores) => cores.length === 2)
      yield* remove({ node: "node-1", id: CoreId.make(name) })
      assert.deepStrictEqual(readdirSync(dir), [id])
    }).pipe(Effect.provide(layerFakeHost())))

  it.live.each(["../precious", "precious", ".", "..", "core.x/../../precious", `${id}/../../precious`])(
    "deletes nothing if the name is not a core ID: %j",
    (name) =>
      Effect.gen(function*() {
        const dir = yield* CoresDir
        writeFileSync(join(dir, "precious"), "")
        // The type of `id` does not allow this name.
        const failure = yield* Effect.flip(remove({ node: "node-1", id: name as CoreId }))
        assert.strictEqual(failure._tag, "CoreNotFound")
        assert.isTrue(existsSync(join(dir, "precious")))
      }).pipe(Effect.provide(layerFakeHost()))
  )
})
