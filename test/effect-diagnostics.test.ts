import { assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

/** Runs `tsc` on a fixture. */
const check = (name: string) =>
  new Promise<{ readonly code: unknown; readonly output: string }>((resolve) => {
    const tsc = fileURLToPath(new URL("../node_modules/typescript/bin/tsc", import.meta.url))
    const project = fileURLToPath(new URL(`fixtures/effect-diagnostics/${name}.json`, import.meta.url))
    execFile(process.execPath, [tsc, "-p", project], (error, output) => resolve({ code: error?.code ?? 0, output }))
  })

// Without the patch by `npm ci`, or with rules that only warn, the type check of all packages would succeed.
describe("the type check", () => {
  it.each([
    ["floating", "floatingEffect"],
    ["suggestion", "effectSucceedWithVoid"]
  ])("fails on the fixture %s (rule %s)", async (fixture, rule) => {
    const { code, output } = await check(fixture)
    assert.notStrictEqual(code, 0)
    assert.include(output, `effect(${rule})`)
  })
})
