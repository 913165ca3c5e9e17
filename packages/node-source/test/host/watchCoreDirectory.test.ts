import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FileSystem, Stream } from "effect"
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeHostPaths } from "../../src/host/HostPaths.ts"
import type { KnownFiles, StoredFile } from "../../src/host/StoredFile.ts"
import { type DirectoryListener, toUnreadableReason, watchCoreDirectory } from "../../src/host/watchCoreDirectory.ts"
import { toCoreId } from "../support/FakeHost.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

/** A file system on which no directory can be watched. */
const unwatchable = FileSystem.layerNoop({
  watch: () => Stream.die(Object.assign(new Error("too many"), { code: "EMFILE", syscall: "watch" }))
})

const silent: DirectoryListener = {
  onFile: () => {},
  onRemoved: () => {},
  onInvalidFile: () => {},
  onScanned: () => {},
  onFailed: () => {},
  onRecovered: () => {}
}

const noFiles: KnownFiles = { file: () => undefined, fileNames: () => [], needsXattrs: () => true }

const id = toCoreId({ pid: 1 })

/** The events of one scan. */
const scanOnce = Effect.fnUntraced(function*(coredumpDir: string, known: Partial<KnownFiles> = {}) {
  const scanned = yield* Deferred.make<void>()
  const files: Array<StoredFile> = []
  const removed: Array<string> = []
  const invalid: Array<string> = []
  yield* watchCoreDirectory({
    paths: makeHostPaths({ root: "/nowhere", coredumpDir }),
    known: { ...noFiles, ...known },
    listener: {
      ...silent,
      onFile: (file) => files.push(file),
      onRemoved: (name) => removed.push(name),
      onInvalidFile: (name, reason) => invalid.push(`${name}: ${reason}`),
      onScanned: () => Deferred.doneUnsafe(scanned, Effect.void)
    }
  }).pipe(Effect.raceFirst(Deferred.await(scanned)))
  return { files, invalid, removed }
})

describe("toUnreadableReason", () => {
  it("names owner and mode of a file that another user owns, and what to do", () => {
    assert.strictEqual(
      toUnreadableReason("EACCES", { uid: 1000n, mode: 0o100600n }),
      "permission denied (owner 1000, mode 600). Give the server the capability DAC_READ_SEARCH (chart: node.dacReadSearch)"
    )
  })

  it("is only the error text for other failures", () => {
    assert.strictEqual(toUnreadableReason("EIO", { uid: 1000n, mode: 0o100600n }), "input/output error")
  })
})

describe("watchCoreDirectory", () => {
  it.live("polls a directory that cannot be watched, and reports the failure", () =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      const found = yield* Deferred.make<void>()
      const later = toCoreId({ pid: 2 })
      const failures: Array<string> = []
      writeFileSync(join(coredumpDir, id), "core")
      yield* watchCoreDirectory({
        paths: makeHostPaths({ root: "/nowhere", coredumpDir }),
        known: noFiles,
        listener: {
          ...silent,
          onFile: (file) => {
            if (file.id === later) Deferred.doneUnsafe(found, Effect.void)
            else writeFileSync(join(coredumpDir, later), "core")
          },
          onFailed: (reason) => failures.push(reason)
        }
      }).pipe(Effect.raceFirst(Deferred.await(found)))
      assert.match(
        failures[0]!,
        /^inotify limit reached \(EMFILE\), polling instead\. Raise fs\.inotify\.max_user_instances or /
      )
    }).pipe(Effect.scoped, Effect.provide(unwatchable)))

  it.live("reports the known object of an unchanged file, and a new one after a change", () =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      writeFileSync(join(coredumpDir, id), "core")
      const [first] = (yield* scanOnce(coredumpDir)).files
      assert.deepInclude(first, { id, size: 4 })
      const file = (name: string) => name === id ? first : undefined
      assert.strictEqual((yield* scanOnce(coredumpDir, { file })).files[0], first)
      writeFileSync(join(coredumpDir, id), "a larger core")
      const [second] = (yield* scanOnce(coredumpDir, { file })).files
      assert.strictEqual(second?.size, 13)
      assert.notStrictEqual(second?.version, first?.version)
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("reads extended attributes only if the journal entry is unknown", () =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      writeFileSync(join(coredumpDir, id), "core")
      assert.property((yield* scanOnce(coredumpDir)).files[0], "xattrs")
      assert.notProperty((yield* scanOnce(coredumpDir, { needsXattrs: () => false })).files[0], "xattrs")
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("reports everything that is not a core file, except temporary files", () =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      const link = toCoreId({ pid: 2 })
      for (const name of [`.#${id}`, "#temporary", "notes"]) writeFileSync(join(coredumpDir, name), "")
      mkdirSync(join(coredumpDir, id))
      symlinkSync("/etc/passwd", join(coredumpDir, link))
      const { files, invalid, removed } = yield* scanOnce(coredumpDir, { fileNames: () => [id] })
      assert.deepStrictEqual(
        invalid.toSorted(),
        [
          `${id}: not a regular file`,
          `${link}: not a regular file`,
          "notes: not a core file name"
        ].toSorted()
      )
      assert.deepStrictEqual([files, removed], [[], []])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("reports a known file that is gone", () =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      const gone = toCoreId({ pid: 2 })
      writeFileSync(join(coredumpDir, id), "core")
      assert.deepStrictEqual((yield* scanOnce(coredumpDir, { fileNames: () => [id, gone] })).removed, [gone])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))

  it.live("reports known files as removed if the directory is gone", () =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      rmSync(coredumpDir, { recursive: true })
      assert.deepStrictEqual((yield* scanOnce(coredumpDir, { fileNames: () => [id] })).removed, [id])
    }).pipe(Effect.scoped, Effect.provide(NodeServices.layer)))
})
