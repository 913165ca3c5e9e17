import { assert, describe, it } from "@effect/vitest"
import { CoreId, CoreSource } from "@koredump/core"
import { Effect, Stream } from "effect"
import { existsSync, linkSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { CoresDir, entryFields, idOf, layerFakeHost, store } from "../support/FakeHost.ts"
import { JournalScript } from "../support/ScriptedJournal.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"
import { states, until } from "../support/watching.ts"

const content = new TextEncoder().encode("core")
const id = idOf({})
const ref = { node: "node-1", id }

/** What the source tells of the core from now on. */
const events = Effect.gen(function*() {
  const source = yield* CoreSource
  const seen: Array<string> = []
  yield* Effect.forkScoped(
    Stream.runForEach(source.changes({ filter: { state: "any" } }), (event) =>
      Effect.sync(() => {
        if (event.type === "ADDED" || event.type === "MODIFIED" || event.type === "DELETED") {
          seen.push(`${event.type} ${event.object.state}`)
        }
      })),
    { startImmediately: true }
  )
  return seen
})

const remove = (core = ref) => CoreSource.use((source) => source.remove(core))

describe("removeCore", () => {
  it.live("a core that the journal knows becomes missing", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* store(dir, id, content)
      yield* (yield* JournalScript).write(entryFields({ content }))
      yield* until((cores) => states(cores) === "present")
      const seen = yield* events
      yield* remove()
      yield* until((cores) => states(cores) === "missing")
      assert.deepStrictEqual(readdirSync(dir), [])
      assert.deepStrictEqual(seen, ["ADDED present", "MODIFIED missing"])
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("one that the journal does not know is deleted", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* store(dir, id, content)
      yield* until((cores) => states(cores) === "pending")
      const seen = yield* events
      yield* remove()
      yield* until((cores) => cores.length === 0)
      assert.deepStrictEqual(readdirSync(dir), [])
      assert.deepStrictEqual(seen, ["ADDED pending", "DELETED pending"])
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotFound")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("a file that has just gone is not stored", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* store(dir, id, content)
      yield* until((cores) => states(cores) === "pending")
      rmSync(join(dir, id))
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("a link that has just come to the core's place stays, and so does what it points to", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const outside = join(yield* temporaryDirectory, "precious")
      writeFileSync(outside, "precious")
      yield* store(dir, id, content)
      yield* until((cores) => states(cores) === "pending")
      rmSync(join(dir, id))
      symlinkSync(outside, join(dir, id))
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
      assert.strictEqual(readFileSync(outside, "utf8"), "precious")
      assert.deepStrictEqual(readdirSync(dir), [id])
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("a directory that has just come to the core's place stays, and so does what is in it", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* store(dir, id, content)
      yield* until((cores) => states(cores) === "pending")
      rmSync(join(dir, id))
      mkdirSync(join(dir, id))
      writeFileSync(join(dir, id, "precious"), "")
      assert.strictEqual((yield* Effect.flip(remove()))._tag, "CoreNotStored")
      assert.isTrue(existsSync(join(dir, id, "precious")))
    }).pipe(Effect.provide(layerFakeHost())))

  it.live("another name of the same file stays", () =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      const other = join(yield* temporaryDirectory, "precious")
      yield* store(dir, id, content)
      linkSync(join(dir, id), other)
      yield* until((cores) => states(cores) === "pending")
      yield* remove()
      assert.strictEqual(readFileSync(other, "utf8"), "core")
    }).pipe(Effect.provide(layerFakeHost())))

  it.live.each([
    "core.\\x2e\\x2e\\x2fetc\\x2fpasswd.0.0123456789abcdef0123456789abcdef.1.1700000000000000",
    "core.\\xff\\x00\\x0a.0.0123456789abcdef0123456789abcdef.1.1700000000000000.zst",
    "core.$(rm)*?;'\"&|.0.0123456789abcdef0123456789abcdef.1.1700000000000000.lz4",
    "core.-rf.0.0123456789abcdef0123456789abcdef.1.1700000000000000",
    "core..0.0123456789abcdef0123456789abcdef.1.1700000000000000.xz"
  ])("the file of that name and no other: %s", (name) =>
    Effect.gen(function*() {
      const dir = yield* CoresDir
      yield* store(dir, id, content)
      yield* store(dir, name, content)
      yield* until((cores) => cores.length === 2)
      yield* remove({ node: "node-1", id: CoreId.make(name) })
      assert.deepStrictEqual(readdirSync(dir), [id])
    }).pipe(Effect.provide(layerFakeHost())))

  it.live.each(["../precious", "precious", ".", "..", "core.x/../../precious", `${id}/../../precious`])(
    "nothing that is no core's name: %j",
    (name) =>
      Effect.gen(function*() {
        const dir = yield* CoresDir
        writeFileSync(join(dir, "precious"), "")
        // What a caller could only do by leaving the types aside.
        const failure = yield* Effect.flip(remove({ node: "node-1", id: name as CoreId }))
        assert.strictEqual(failure._tag, "CoreNotFound")
        assert.isTrue(existsSync(join(dir, "precious")))
      }).pipe(Effect.provide(layerFakeHost()))
  )
})
