import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, FileSystem, Stream } from "effect"
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { identifyDirectory, toErrorReason, watchDirectory } from "../../src/host/files.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const makeError = (code: string, syscall = "open") => Object.assign(new Error("failed"), { code, syscall })

describe("toErrorReason", () => {
  it.each([
    ["EACCES", "permission denied"],
    ["ENOENT", "no such file or directory"],
    ["EEXIST", "not a directory"],
    ["EMLINK", "EMLINK"]
  ])("%s: %s", (code, reason) => assert.strictEqual(toErrorReason(makeError(code)), reason))

  it("is the text of an error without a code", () => assert.strictEqual(toErrorReason(new Error("x")), "Error: x"))
})

describe("identifyDirectory", () => {
  it.live("changes when another directory takes the place", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "cores")
      mkdirSync(path)
      const first = yield* identifyDirectory(path)
      assert.strictEqual(yield* identifyDirectory(path), first)
      renameSync(path, `${path}.old`)
      mkdirSync(path)
      assert.notStrictEqual(yield* identifyDirectory(path), first)
    }))

  it.live("fails for a file, and for a path that does not exist", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "cores")
      assert.strictEqual((yield* Effect.flip(identifyDirectory(path))).message, "no such file or directory")
      writeFileSync(path, "")
      assert.strictEqual((yield* Effect.flip(identifyDirectory(path))).message, "not a directory")
    }))
})

/** The failure of a watch that cannot start. */
const watchFailure = (error: Error) =>
  Effect.flip(watchDirectory("/cores", () => {}, () => {})).pipe(
    Effect.provide(FileSystem.layerNoop({ watch: () => Stream.die(error) }))
  )

describe("watchDirectory", () => {
  it.live("reports created and removed files", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const ready = yield* Deferred.make<void>()
      const created = yield* Deferred.make<void>()
      const removed = yield* Deferred.make<void>()
      const fiber = yield* Effect.forkChild(watchDirectory(
        path,
        () => Deferred.doneUnsafe(ready, Effect.void),
        (event) => {
          if (!event.path.endsWith("file")) return
          if (event._tag === "Create") Deferred.doneUnsafe(created, Effect.void)
          if (event._tag === "Remove") Deferred.doneUnsafe(removed, Effect.void)
        }
      ))
      yield* Deferred.await(ready)
      writeFileSync(join(path, "file"), "")
      yield* Deferred.await(created)
      rmSync(join(path, "file"))
      yield* Deferred.await(removed)
      yield* Fiber.interrupt(fiber)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.effect.each(["EMFILE", "ENOSPC"])(
    "explains what to do if the inotify limit is reached (%s)",
    (code) =>
      Effect.gen(function*() {
        assert.strictEqual(
          (yield* watchFailure(makeError(code, "watch"))).message,
          `inotify limit reached (${code}), polling instead. ` +
            "Raise fs.inotify.max_user_instances or fs.inotify.max_user_watches on the host"
        )
      })
  )

  it.effect("fails with the reason of other errors", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* watchFailure(makeError("EACCES", "watch"))).message, "permission denied")
    }))

  it.effect("does not hide other defects", () =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(watchFailure(new Error("a bug")))
      assert.strictEqual(exit._tag, "Failure")
    }))
})
