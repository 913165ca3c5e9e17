/**
 * Usage: node .ci/complete-lock.mjs
 *
 * If a registry lacks the binaries of other platforms, `npm install` removes them from the lock file, and `npm ci` then
 * fails. This script adds them again, in the versions that their parents pin.
 */
import { readFileSync, writeFileSync } from "node:fs"

const file = "package-lock.json"
const lock = JSON.parse(readFileSync(file, "utf8"))
const systems = new Set([
  "darwin", "linux", "win32", "windows", "android", "freebsd", "openbsd", "netbsd", "openharmony", "sunos", "aix"
])
const processors = new Set(["x64", "arm64", "ia32", "arm", "ppc64", "riscv64", "s390x", "loong64", "64"])
let added = 0

for (const [path, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const key = `node_modules/${name}`
    // Only exact versions: these are binaries. npm resolves ranges.
    if (key in lock.packages || `${path}/${key}` in lock.packages || !/^\d[\w.+-]*$/.test(version)) continue
    const words = name.split(/[-/]/)
    const os = words.find((word) => systems.has(word))
    if (os === undefined) continue
    const cpu = words.find((word) => processors.has(word)) ?? "arm64"
    const libc = words.includes("musl") ? "musl" : words.includes("gnu") || words.includes("glibc") ? "glibc" : undefined
    lock.packages[key] = {
      version,
      cpu: [cpu === "64" ? "x64" : cpu],
      ...(entry.dev === true ? { dev: true } : {}),
      ...(entry.license === undefined ? {} : { license: entry.license }),
      ...(libc === undefined || os !== "linux" ? {} : { libc: [libc] }),
      optional: true,
      os: [os === "windows" ? "win32" : os]
    }
    added += 1
  }
}

const { "": root, ...rest } = lock.packages
lock.packages = { "": root, ...Object.fromEntries(Object.entries(rest).toSorted(([a], [b]) => a < b ? -1 : 1)) }
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(`${added} entries added\n`)
