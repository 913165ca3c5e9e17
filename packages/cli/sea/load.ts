/** Runs a bundle, with the code cache of V8 if there is one, which halves the start time. */
import { createRequire } from "node:module"
import { resolve } from "node:path"
import { Script } from "node:vm"
import { limitYoungGeneration } from "../src/nodejsSettings.ts"

/** Text around a bundle that makes it a function of the variables that CommonJS modules have. */
export const wrapper = { head: "(function(require, __filename, module, exports) {", foot: "})" } as const

type Bundle = (require: NodeJS.Require, filename: string, module: { exports: unknown }, exports: unknown) => void

/** Runs a bundle. Returns its exports and its script. */
export const load = (source: string, cachedData?: Buffer): { readonly exports: unknown; readonly script: Script } => {
  // V8 accepts a code cache only with the same flags.
  limitYoungGeneration()
  const script = new Script(source, { filename: "koredumpctl.js", cachedData })
  // Without /proc, this is only the name under which the program was started.
  const filename = resolve(process.execPath)
  const module = { exports: {} }
  const bundle = script.runInThisContext() as Bundle
  bundle(createRequire(filename), filename, module, module.exports)
  return { exports: module.exports, script }
}
