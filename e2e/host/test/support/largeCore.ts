/** A core of 256 MiB, not compressed: far more than sockets buffer, so that a reader who stops holds up the sender. */
import { rm } from "node:fs/promises"
import { coreFile, crash, pipeline } from "./Pipeline.ts"

/** Crashes it; the file goes at the end of the block. */
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
