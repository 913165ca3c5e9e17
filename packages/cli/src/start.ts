/** Sets up V8, then loads the program and runs it. */
import { engineProblem } from "./checkNodejsVersion.ts"
import type { RunOptions } from "./cli.ts"
import { keepYoungGenerationSmall } from "./limitYoungGeneration.ts"

export const start = async (options: RunOptions = {}): Promise<void> => {
  const problem = engineProblem(options.kubectl === true ? "kubectl-koredump" : "koredumpctl", process.versions.node)
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`)
    process.exit(1)
  }
  keepYoungGenerationSmall()
  const { main } = await import("./program.ts")
  main(options)
}
