/** Runs the bundled program, with the code that V8 made of it at build time where there is any: twice as fast to start. */
import { createRequire } from "node:module"
import { resolve } from "node:path"
import { Script } from "node:vm"
import { keepYoungGenerationSmall } from "../src/youngGeneration.ts"

/** What stands around the bundle, so that it is a function of what modules of Node have. */
export const wrapper = { head: "(function(require, __filename) {", foot: "})" } as const

type Program = (require: NodeJS.Require, filename: string) => void

export const load = (source: string, cachedData?: Buffer): Script => {
  // V8 takes code only under the flags that it was made under.
  keepYoungGenerationSmall()
  const script = new Script(source, { filename: "koredumpctl.js", cachedData })
  const program = script.runInThisContext() as Program
  // Where /proc is not mounted, it is no more than what the program was called.
  const filename = resolve(process.execPath)
  program(createRequire(filename), filename)
  return script
}
