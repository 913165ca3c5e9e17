/**
 * Runs the bundled program once and keeps the code that V8 made of what ran:
 *
 *     node warmUp.ts PROGRAM CACHE ARGUMENTS…
 */
import { readFileSync, writeFileSync } from "node:fs"
import { load } from "./load.ts"

const [program, cache] = process.argv.splice(2, 2)
const { script } = load(readFileSync(program!, "latin1"))
process.once("exit", () => writeFileSync(cache!, script.createCachedData()))
