#!/usr/bin/env node
// npm links a command only if its file exists at install time, so this file is committed and dist/ is not.
import { existsSync } from "node:fs"

const program = new URL("../dist/main.js", import.meta.url)
if (existsSync(program)) await import(program.href)
else {
  process.stderr.write("koredump-server is not built. Run: npm run build\n")
  process.exitCode = 1
}
