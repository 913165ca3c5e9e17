#!/usr/bin/env node
/** The executable: sets up V8, then loads the program. */
import { setFlagsFromString } from "node:v8"
import { engineProblem } from "./engineProblem.ts"

const problem = engineProblem("koredump-server", process.versions.node)
if (problem !== undefined) {
  process.stderr.write(`${problem}\n`)
  process.exit(1)
}

// V8 lets the young generation grow to where it takes more memory than 10,000 cores do: a server that lives for months
// does not need the little speed that this gives to its start. Before anything else is loaded, for it never shrinks.
setFlagsFromString("--semi-space-growth-factor=1")
setFlagsFromString("--min-semi-space-size=4")
setFlagsFromString("--max-semi-space-size=4")
// V8 lets the old generation grow to twice and more of what lives in it before it looks again. At 1,000 nodes the
// cluster server peaked at 400 MiB so, and at 330 with this, for a second of CPU time at its start.
setFlagsFromString("--heap-growing-percent=40")
await import("./program.ts")
