import type { Reporter, TestModule } from "vitest/node"

/** Lists skipped tests with their reasons. In CI, a skipped test fails the run, because something is missing there. */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")])
    if (skipped.length === 0) return
    const lines = skipped.map((test) => {
      const result = test.result()
      const note = result.state === "skipped" && result.note !== undefined ? ` (${result.note})` : ""
      return `  ${test.module.relativeModuleId}: ${test.fullName}${note}`
    })
    process.stderr.write(`\nSKIPPED on this machine:\n${lines.join("\n")}\n`)
    if (process.env.CI === "true") {
      process.stderr.write("CI does not allow skipped tests.\n")
      process.exitCode = 1
    }
  }
}
