import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { formatProgress, makeProgress } from "../../src/cores/progress.ts"
import { Screen } from "../../src/text/Screen.ts"
import { displayWidth } from "../../src/text/terminalText.ts"

const MiB = 1024 * 1024
const half = { label: "core.prog.0.e36680b3", done: 512 * MiB, total: 1024 * MiB, rate: 64 * MiB }

describe("formatProgress", () => {
  it("shows percentage, bytes, rate and remaining time", () => {
    assert.strictEqual(
      formatProgress(half, 100),
      "core.prog.0.e36680b3  [############------------]   50%  512 MiB of 1 GiB  64 MiB/s  0:08"
    )
  })

  it("shows no rate before it is known", () => {
    assert.strictEqual(
      formatProgress({ ...half, done: 0, rate: undefined }, 80),
      "core.prog.0.e36680b3  [------------------------]    0%  0 B of 1 GiB"
    )
  })

  it("never exceeds the width", () => {
    for (let width = 20; width < 160; width++) assert.isAtMost(displayWidth(formatProgress(half, width)), width)
  })
})

const makeScreen = (stderr: { readonly columns: number } | undefined) => {
  const drawn: Array<string> = []
  const screen = Screen.of({
    stdout: undefined,
    stderr,
    color: false,
    draw: (text) => Effect.sync(() => void drawn.push(text)),
    confirm: undefined
  })
  return { drawn, screen }
}

describe("makeProgress", () => {
  it.effect("draws the sum of all downloads, and clears the line at the end", () =>
    Effect.gen(function*() {
      const { drawn, screen } = makeScreen({ columns: 100 })
      yield* Effect.scoped(Effect.gen(function*() {
        const progress = yield* makeProgress
        const first = progress.add("a", 2 * MiB)
        progress.add("b", 2 * MiB)
        yield* TestClock.adjust("1 second")
        first({ received: 2 * MiB, total: 2 * MiB, resumedFrom: MiB })
        yield* TestClock.adjust("1 second")
      })).pipe(Effect.provideService(Screen, screen))
      assert.include(drawn.at(-2), "1 of 2 cores")
      assert.include(drawn.at(-2), "50%  2 MiB of 4 MiB")
      assert.strictEqual(drawn.at(-1), "\r\u001b[K")
    }))

  it.effect("draws nothing without a terminal", () =>
    Effect.gen(function*() {
      const { drawn, screen } = makeScreen(undefined)
      yield* Effect.scoped(Effect.gen(function*() {
        const progress = yield* makeProgress
        progress.add("a", 1)({ received: 1, total: 1, resumedFrom: 0 })
        yield* TestClock.adjust("1 second")
        yield* progress.clear
      })).pipe(Effect.provideService(Screen, screen))
      assert.deepStrictEqual(drawn, [])
    }))
})
