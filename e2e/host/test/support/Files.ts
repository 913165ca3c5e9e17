/** Hashes of files, and the output of tools on core files. */
import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { createReadStream } from "node:fs"
import { mkdir, mkdtemp, rm } from "node:fs/promises"
import { join } from "node:path"
import { pipeline } from "node:stream/promises"
import { stateDir } from "./Pipeline.ts"

/** A temporary directory that is deleted at the end of the block: `await using dir = await tempDir()`. */
export const tempDir = async () => {
  await mkdir(stateDir, { recursive: true })
  const path = await mkdtemp(join(stateDir, "suite-"))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

/** SHA-256 of the bytes, as hexadecimal string. */
export const sha256 = async (bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> => {
  const hash = createHash("sha256")
  for await (const chunk of bytes) hash.update(chunk)
  return hash.digest("hex")
}

/** SHA-256 of a file. */
export const sha256File = (path: string): Promise<string> => sha256(createReadStream(path))

const exited = (child: ChildProcess) =>
  new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve))

const decompressors: ReadonlyArray<readonly [string, string]> = [[".zst", "zstd"], [".lz4", "lz4"], [".xz", "xz"]]

/** SHA-256 of a core after decompression with zstd, lz4 or xz. */
export const sha256Decompressed = async (path: string): Promise<string> => {
  const tool = decompressors.find(([extension]) => path.endsWith(extension))?.[1]
  if (tool === undefined) return sha256File(path)
  const child = spawn(tool, ["-dcq", "--", path], { stdio: ["ignore", "pipe", "inherit"] })
  const hash = createHash("sha256")
  const [code] = await Promise.all([exited(child), pipeline(child.stdout, hash)])
  if (code !== 0) throw new Error(`${tool} -dc ${path}: exit code ${code}`)
  return hash.digest("hex")
}

/** The backtrace that gdb prints for a core. */
export const backtrace = async (program: string, core: string): Promise<string> => {
  const child = spawn("gdb", ["-nx", "-batch", "-ex", "bt", program, core], { stdio: ["ignore", "pipe", "ignore"] })
  const done = exited(child)
  let text = ""
  for await (const chunk of child.stdout) text += chunk
  await done
  return text
}
