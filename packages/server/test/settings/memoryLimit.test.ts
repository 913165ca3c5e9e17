import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { parseMemoryLimitFlag } from "../../src/settings/memoryLimit.ts"

describe("parseMemoryLimitFlag", () => {
  it.effect.each<readonly [string, number]>([
    ["512Mi", 512 * 1024 ** 2],
    ["512MiB", 512 * 1024 ** 2],
    ["1.5 GiB", 1.5 * 1024 ** 3],
    ["100MB", 100_000_000]
  ])("parses %s", ([text, bytes]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* parseMemoryLimitFlag(text), bytes)
    }))

  it.effect.each(["", "512", "63Mi", "-1Gi", "1e9Mi", "lots", "99999999999999TiB"])(
    "rejects %j",
    (text) =>
      Effect.gen(function*() {
        const { message } = yield* Effect.flip(parseMemoryLimitFlag(text))
        assert.include(message, `--memory-limit (KOREDUMP_MEMORY_LIMIT): invalid size "${text}"`)
      })
  )
})
