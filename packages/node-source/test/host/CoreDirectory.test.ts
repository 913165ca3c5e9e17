import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, FileSystem, Stream } from "effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { remedy, watchCoreDirectory } from "../../src/host/CoreDirectory.ts"
import { hostPaths } from "../../src/host/HostPaths.ts"
import { idOf } from "../support/FakeHost.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

/** A file system on which no directory can be watched. */
const unwatchable = FileSystem.layerNoop({
  watch: () => Stream.die(Object.assign(new Error("too many"), { code: "EMFILE", syscall: "watch" }))
})

it("of a file that another user owns it is said who may read it, and how to be that", () => {
  const said = remedy("EACCES", { uid: 1000n, mode: 0o100600n })
  assert.match(said, /belongs to user 1000 with mode 600, .* DAC_READ_SEARCH .*node\.dacReadSearch/)
  assert.strictEqual(remedy("EIO", { uid: 1000n, mode: 0o100600n }), "")
})

describe("watchCoreDirectory", () => {
  it.live("reads a directory that cannot be watched, again and again, and says so", () =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      const found = yield* Deferred.make<void>()
      const later = idOf({ pid: 2 })
      const lacks: Array<string | undefined> = []
      writeFileSync(join(coredumpDir, idOf({ pid: 1 })), "core")
      yield* watchCoreDirectory(hostPaths({ root: "/nowhere", coredumpDir }), {
        known: () => undefined,
        knownNames: () => [],
        wantsXattrs: () => false,
        found: ({ id }) => {
          if (id === later) Deferred.doneUnsafe(found, Effect.void)
          else writeFileSync(join(coredumpDir, later), "core")
        },
        gone: () => {},
        odd: () => {},
        scanned: () => {},
        lacking: (why) => lacks.push(why)
      }).pipe(Effect.raceFirst(Deferred.await(found)))
      assert.match(lacks.join(), /^coredump directory \S+: it cannot be watched: EMFILE, more inotify instances/)
    }).pipe(Effect.scoped, Effect.provide(unwatchable)))
})
