import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { InvalidFileLog } from "../../src/host/InvalidFileLog.ts"

const make = () => {
  const lines: Array<string> = []
  const log = new InvalidFileLog({
    onInvalid: (name, reason) => Effect.sync(() => lines.push(`${name}: ${reason}`)),
    onLimit: Effect.sync(() => lines.push("limit")),
    run: (effect) => Effect.runSync(effect)
  })
  return { lines, log }
}

describe("InvalidFileLog", () => {
  it("logs each file once", () => {
    const { lines, log } = make()
    log.report("a", "not a regular file")
    log.report("a", "not a regular file")
    log.report("b", "too large")
    assert.deepStrictEqual(lines, ["a: not a regular file", "b: too large"])
  })

  it("logs a file again after it was gone", () => {
    const { lines, log } = make()
    log.report("a", "too large")
    log.forget("a")
    log.report("a", "too large")
    assert.strictEqual(lines.length, 2)
  })

  it("logs 100 files, then the limit once", () => {
    const { lines, log } = make()
    for (let i = 1; i <= 200; i++) log.report(`file-${i}`, "too large")
    assert.strictEqual(lines.length, 101)
    assert.strictEqual(lines[99], "file-100: too large")
    assert.strictEqual(lines[100], "limit")
  })
})
