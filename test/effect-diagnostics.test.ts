import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

/** Exit code and output of the repository's `tsc` on one of the fixtures. */
const check = (name: string) =>
  new Promise<{ readonly code: unknown; readonly output: string }>((resolve) => {
    const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url))
    const project = fileURLToPath(new URL(`fixtures/effect-diagnostics/${name}.json`, import.meta.url))
    execFile(process.execPath, [tsc, "-p", project], (error, output) => resolve({ code: error?.code ?? 0, output }))
  })

// A `tsc` that `npm ci` did not patch, or rules that only warn, would let every package pass.
describe("the type check", () => {
  it.each([
    ["floating", "floatingEffect"],
    ["suggestion", "effectSucceedWithVoid"]
  ])("fails on a mistake of the kind: %s", async (fixture, rule) => {
    const { code, output } = await check(fixture)
    assert.notStrictEqual(code, 0)
    assert.include(output, `effect(${rule})`)
  })
})
