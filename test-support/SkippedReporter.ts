import type { Reporter, TestModule } from "vitest/node"

/**
 * Names each test that was skipped, and why. In CI a skipped test fails the run: the machine lacks something, and a
 * suite that silently runs less proves less.
 */
export default class SkippedReporter implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>): void {
    const skipped = modules.flatMap((module) => [...module.children.allTests("skipped")])
    if (skipped.length === 0) return
    const lines = skipped.map((test) => {
      const result = test.result()
      const note = result.state === "skipped" && result.note !== undefined ? ` (${result.note})` : ""
      return `  ${test.module.relativeModuleId}: ${test.fullName}${note}`
    })
    process.stderr.write(`\nSKIPPED, not proven on this machine:\n${lines.join("\n")}\n`)
    if (process.env.CI === "true") {
      process.stderr.write("In CI no test may be skipped.\n")
      process.exitCode = 1
    }
  }
}
