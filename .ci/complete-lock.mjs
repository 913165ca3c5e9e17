/**
 * Usage: node .ci/complete-lock.mjs
 *
 * Completes package-lock.json after `npm install`:
 *
 * - If a registry lacks the binaries of other platforms, npm removes them from the lock file, and `npm ci` then fails. They
 *   are added again, in the versions that their parents pin.
 * - Every entry gets the address of its archive and its hash. The hashes come from the registry.
 * - A binary that the registry lacks gets a hash that no file has. npm then never installs it, instead of accepting
 *   whatever another registry serves. Run this script again with a registry that has it.
 */
import { execFileSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"

const file = "package-lock.json"
const lock = JSON.parse(readFileSync(file, "utf8"))
const systems = new Set([
  "darwin", "linux", "win32", "windows", "android", "freebsd", "openbsd", "netbsd", "openharmony", "sunos", "aix"
])
const processors = new Set(["x64", "arm64", "ia32", "arm", "ppc64", "riscv64", "s390x", "loong64", "64"])
const refused = `sha512-${Buffer.alloc(64).toString("base64")}`
let added = 0
let hashed = 0
const missing = []

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

const askRegistry = (name, version) => {
  try {
    return execFileSync("npm", ["view", `${name}@${version}`, "dist.integrity"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"]
    }).trim()
  } catch (error) {
    if (/\bE404\b/.test(error.stderr)) return ""
    throw error
  }
}

for (const [path, entry] of Object.entries(lock.packages)) {
  if (!path.includes("node_modules/") || entry.link === true) continue
  const name = entry.name ?? path.replace(/^.*node_modules\//, "")
  const { integrity, resolved, version, ...rest } = entry
  let hash = integrity
  if (hash === undefined || hash === refused) {
    hash = askRegistry(name, version) || refused
    if (hash === refused) missing.push(`${name}@${version}`)
    else hashed += 1
  }
  // The order of npm.
  lock.packages[path] = {
    ...(entry.name === undefined ? {} : { name }),
    version,
    resolved: resolved ?? `https://registry.npmjs.org/${name}/-/${name.replace(/^.*\//, "")}-${version}.tgz`,
    integrity: hash,
    ...rest
  }
}

const { "": root, ...rest } = lock.packages
lock.packages = { "": root, ...Object.fromEntries(Object.entries(rest).toSorted(([a], [b]) => a < b ? -1 : 1)) }
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
process.stdout.write(`${added} entries added, ${hashed} hashes added\n`)
if (missing.length > 0) {
  process.stdout.write(`The registry lacks these, so they are not installed anywhere:\n  ${missing.join("\n  ")}\n`)
}
