import { assert, describe, it } from "@effect/vitest"
import type { FileHandle } from "node:fs/promises"
import { FileWriter } from "../../src/nodejs/FileWriter.ts"

const content = Buffer.from(new Uint8Array(5_000_000).map((_, i) => (i * 7) % 253))

/** A file in memory whose writes take a while, are partial, and must not overlap. */
const makeFile = () => {
  const bytes = Buffer.alloc(content.length)
  let isWriting = false
  const write = async (buffer: Buffer, offset: number, length: number, position: number) => {
    assert.isFalse(isWriting)
    isWriting = true
    await new Promise((resolve) => setImmediate(resolve))
    isWriting = false
    const bytesWritten = buffer.copy(bytes, position, offset, offset + Math.min(length, 700_000))
    return { bytesWritten, buffer }
  }
  return { bytes, handle: { write } as unknown as FileHandle }
}

describe("FileWriter", () => {
  it.each([1000, 65_536, 1_048_576, 3_000_000])("writes chunks of %d bytes in order", async (size) => {
    const { bytes, handle } = makeFile()
    content.copy(bytes, 0, 0, 10)
    const writer = new FileWriter(handle, 10)
    for (let from = 10; from < content.length; from += size) await writer.write(content.subarray(from, from + size))
    assert.strictEqual(writer.end, content.length)
    await writer.flush()
    assert.isTrue(bytes.equals(content))
    assert.strictEqual(writer.end, content.length)
  })

  it("rejects after a failed write", async () => {
    const handle = { write: () => Promise.reject(new Error("no space left")) } as unknown as FileHandle
    const writer = new FileWriter(handle, 0)
    await writer.write(content.subarray(0, 1_048_576))
    const error = await writer.flush().catch((error: unknown) => error)
    assert.include(error, { message: "no space left" })
  })
})
