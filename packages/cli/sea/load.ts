/** Runs a bundle, with the code that V8 made of it at build time where there is any: twice as fast to start. */
import { createRequire } from "node:module"
import { resolve } from "node:path"
import { Script } from "node:vm"
import { keepYoungGenerationSmall } from "../src/limitYoungGeneration.ts"

/** What stands around a bundle, so that it is a function of what modules of Node have. */
export const wrapper = { head: "(function(require, __filename, module, exports) {", foot: "})" } as const

type Bundle = (require: NodeJS.Require, filename: string, module: { exports: unknown }, exports: unknown) => void

/** What the bundle exports, and the script that it is. */
export const load = (source: string, cachedData?: Buffer): { readonly exports: unknown; readonly script: Script } => {
  // V8 takes code only under the flags that it was made under.
  keepYoungGenerationSmall()
  const script = new Script(source, { filename: "koredumpctl.js", cachedData })
  // Where /proc is not mounted, this is no more than what the program was called.
  const filename = resolve(process.execPath)
  const module = { exports: {} }
  const bundle = script.runInThisContext() as Bundle
  bundle(createRequire(filename), filename, module, module.exports)
  return { exports: module.exports, script }
}
