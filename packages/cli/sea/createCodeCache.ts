/**
 * Runs the bundled program once, and writes the code cache of V8 to a file:
 *
 *     node createCodeCache.ts PROGRAM CACHE ARGUMENT…
 */
import { readFileSync, writeFileSync } from "node:fs"
import { load } from "./load.ts"

const [program, cache] = process.argv.splice(2, 2)
const { script } = load(readFileSync(program!, "latin1"))
process.once("exit", () => writeFileSync(cache!, script.createCachedData()))
