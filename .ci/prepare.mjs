/** Adds Effect's diagnostics to tsc after an installation, on the platforms whose binary package-lock.json pins. */
import { execFileSync } from "node:child_process"
import { createRequire } from "node:module"

const name = `@effect/tsgo-${process.platform}-${process.arch}`
let installed = true
try {
  createRequire(import.meta.url).resolve(`${name}/package.json`)
} catch {
  installed = false
}
if (installed) execFileSync("effect-tsgo", ["patch"], { stdio: "inherit" })
else process.stdout.write(`${name} is not installed, so tsc has no diagnostics of Effect. See CONTRIBUTING.md.\n`)
