/** Sets up V8, then loads the program and runs it. */
import type { RunOptions } from "./cli.ts"
import { engineProblem } from "./engineProblem.ts"
import { keepYoungGenerationSmall } from "./youngGeneration.ts"

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
