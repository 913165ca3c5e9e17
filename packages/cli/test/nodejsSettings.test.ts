import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chmodSync, mkdirSync, readdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { temporaryDirectory } from "./fixtures.ts"
import { run } from "./processes.ts"

const cache = ".cache/koredumpctl"

describe("enableCodeCache", () => {
  it.live.each<{ readonly name: string; readonly prepare: (home: string) => void; readonly isKept: boolean }>([
    { name: "keeps compiled code in the cache directory of the user", prepare: () => {}, isKept: true },
    {
      name: "keeps none if others can write to the home directory",
      prepare: (home) => chmodSync(home, 0o777),
      isKept: false
    },
    {
      name: "keeps none if others can write to the cache directory",
      prepare: (home) => {
        mkdirSync(join(home, cache), { recursive: true })
        chmodSync(join(home, cache), 0o770)
      },
      isKept: false
    },
    {
      name: "follows no link that is planted there",
      prepare: (home) => {
        mkdirSync(join(home, ".cache"))
        mkdirSync(join(home, "planted"))
        symlinkSync(join(home, "planted"), join(home, cache))
      },
      isKept: false
    }
  ])("$name", ({ isKept, prepare }) =>
    Effect.gen(function*() {
      const home = yield* temporaryDirectory
      prepare(home)
      const { code, stderr, stdout } = yield* run(["version"], { env: { HOME: home } })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^koredumpctl /)
      const files = readdirSync(home, { recursive: true, encoding: "utf8" })
      assert.strictEqual(files.some((name) => name.startsWith(`${cache}/`)), isKept, files.join(" "))
      if (!isKept) assert.deepStrictEqual(files.filter((name) => /v\d+\.\d+\.\d+/.test(name)), [])
    }))

  it.live("works without a home directory", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* run(["version"], { env: { HOME: "/nonexistent" } })).code, 0)
      assert.strictEqual((yield* run(["version"], { env: { HOME: "/proc/self" } })).code, 0)
    }))
}, 60_000)
