/** Replaces the module of this name in node-source. Node.js loads native addons only from files, so the asset is copied to one. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { asset } from "./assets.ts"

/** Loads the native addon for extended attributes. */
export const loadXattrBinding = (): unknown => {
  const addon = asset("xattr.node")
  // Only this user can write to the directory. The file is deleted immediately.
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
