/** An uncompressed core of 256 MiB. This is more than socket buffers, so a reader that stops also stops the sender. */
import { rm } from "node:fs/promises"
import { coreFile, crash, pipeline } from "./Pipeline.ts"

/** Crashes a program. The file is deleted at the end of the block. */
export const largeCore = async () => {
  await pipeline("compress", "off")
  try {
    const pid = await crash("big", "256")
    const file = await coreFile(pid)
    return { pid, file, [Symbol.asyncDispose]: () => rm(file, { force: true }) }
  } finally {
    await pipeline("compress", "on")
  }
}
