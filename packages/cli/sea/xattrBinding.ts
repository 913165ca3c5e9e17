/** In place of node-source's module of this name: the addon comes out of the one file, but is loaded from a file only. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { asset } from "./assets.ts"

export const loadXattrBinding = (): unknown => {
  const addon = asset("xattr.node")
  // Nobody else can write into it, and the file goes at once.
  const directory = mkdtempSync(join(tmpdir(), "koredumpctl-"))
  try {
    const file = join(directory, "xattr.node")
    writeFileSync(file, addon)
    const module = { exports: {} }
    process.dlopen(module, file)
    return module.exports
  } finally {
    rmSync(directory, { recursive: true })
  }
}
