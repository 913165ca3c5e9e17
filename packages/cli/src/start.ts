import { checkNodejsVersion } from "./checkNodejsVersion.ts"
import type { RunOptions } from "./cli.ts"
import { enableCodeCache, limitYoungGeneration } from "./nodejsSettings.ts"

/** Checks Node.js and configures V8, then loads and runs the program. */
export const start = async (options: RunOptions = {}): Promise<void> => {
  const message = checkNodejsVersion(
    options.kubectl === true ? "kubectl-koredump" : "koredumpctl",
    process.versions.node
  )
  if (message !== undefined) {
    process.stderr.write(`${message}\n`)
    process.exit(1)
  }
  limitYoungGeneration()
  enableCodeCache()
  const { main } = await import("./program.ts")
  main(options)
}
