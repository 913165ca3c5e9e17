/** Sets up V8, then loads the program and runs it. */
import type { RunOptions } from "./cli.ts"
import { keepYoungGenerationSmall } from "./youngGeneration.ts"

export const start = async (options: RunOptions = {}): Promise<void> => {
  keepYoungGenerationSmall()
  const { main } = await import("./program.ts")
  main(options)
}
