/** Sets up V8, then loads the program and runs it. */
import { setFlagsFromString } from "node:v8"
import type { RunOptions } from "./cli.ts"

export const start = async (options: RunOptions = {}): Promise<void> => {
  // A young generation that stays small is collected often, and the buffers that streams leave behind with it.
  // Otherwise V8 lets 64 MiB of them gather, and more: measured, `get -d` of 2 GiB took twice the memory and twice the
  // CPU time. Before anything else is loaded, for it never shrinks to less than it was.
  setFlagsFromString("--semi-space-growth-factor=1")
  setFlagsFromString("--min-semi-space-size=1")
  setFlagsFromString("--max-semi-space-size=1")
  const { main } = await import("./program.ts")
  main(options)
}
