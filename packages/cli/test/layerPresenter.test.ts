import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { makeShell } from "./fixtures.ts"

describe("layerPresenter", () => {
  it.effect.each(["", "list ", "info ", "get ", "delete ", "nodes ", "status ", "version "])(
    "`%s--help` fits 80 columns, or the terminal",
    (command) =>
      Effect.gen(function*() {
        for (const columns of [undefined, 80, 100]) {
          const { run } = yield* makeShell([], columns === undefined ? {} : { columns })
          const { code, stderr, stdout } = yield* run(...`${command}--help`.split(" "))
          assert.deepStrictEqual([code, stderr], [0, ""])
          assert.include(stdout, "USAGE")
          for (const line of stdout.split("\n")) assert.isAtMost(line.length, columns ?? 80, line)
        }
      })
  )
})
