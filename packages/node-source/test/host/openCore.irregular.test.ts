import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { makeHostPaths } from "../../src/host/HostPaths.ts"
import { openCore } from "../../src/host/openCore.ts"
import { toCoreId } from "../support/FakeHost.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

it.effect.each(["directory", "symbolic link"])(
  "a %s with the name of a core is not opened",
  (kind) =>
    Effect.gen(function*() {
      const coredumpDir = yield* temporaryDirectory
      const id = toCoreId({ pid: 1 })
      writeFileSync(join(coredumpDir, "secret"), "secret")
      if (kind === "directory") mkdirSync(join(coredumpDir, id))
      else symlinkSync("secret", join(coredumpDir, id))
      const problem = yield* openCore(makeHostPaths({ root: "/nowhere", coredumpDir }), { node: "node-1", id }).pipe(
        Effect.scoped,
        Effect.flip
      )
      assert.strictEqual(problem._tag, "CoreUnreadable")
    })
)
