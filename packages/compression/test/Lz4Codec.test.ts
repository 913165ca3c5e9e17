import { assert, describe, it } from "@effect/vitest"
import { CorruptInput, decompress } from "@koredump/compression"
import { Effect, Stream } from "effect"
import { XxHash32 } from "../src/XxHash32.ts"

const le32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(value >>> 0)
  return bytes
}

/** One frame of independent blocks of at most 64 KiB, by default without checksums of blocks and content. */
const makeFrame = (
  blocks: ReadonlyArray<Buffer>,
  { flags = 0x60, blockSize = 0x40, size = Buffer.alloc(0) }: {
    readonly flags?: number
    readonly blockSize?: number
    readonly size?: Buffer
  } = {}
): Buffer => {
  const descriptor = Buffer.concat([Buffer.from([flags, blockSize]), size])
  const checksum = (new XxHash32().update(descriptor).digest() >>> 8) & 0xff
  return Buffer.concat([le32(0x184d2204), descriptor, Buffer.from([checksum]), ...blocks, le32(0)])
}

const compressed = (...bytes: Array<number>) => Buffer.concat([le32(bytes.length), Buffer.from(bytes)])
const stored = (bytes: Buffer) => Buffer.concat([le32(bytes.length | 0x80000000), bytes])

const size = (bytes: number) => Buffer.concat([le32(bytes), le32(0)])
const withSize = (bytes: number) => ({ flags: 0x68, size: size(bytes) })

const x = stored(Buffer.from("x"))
const hash = le32(new XxHash32().update(Buffer.from("x")).digest())
const withBlockChecksums = { flags: 0x70 }
const withContentChecksum = { flags: 0x64 }

const run = (frame: Buffer) =>
  Stream.make(frame).pipe(
    decompress("lz4"),
    Stream.runFold(() => "", (text, chunk: Uint8Array) => text + Buffer.from(chunk).toString())
  )

// "ab", then a match of 4 bytes at offset 2, then 5 literals.
const valid = [0x20, 97, 98, 2, 0, 0x50, 99, 99, 99, 99, 99]

describe("lz4 frames", () => {
  it.live.each<[string, Buffer, string]>([
    ["a compressed block", makeFrame([compressed(...valid)]), "abababccccc"],
    ["stored and compressed blocks", makeFrame([x, compressed(...valid)]), "xabababccccc"],
    ["a content size", makeFrame([compressed(...valid)], withSize(11)), "abababccccc"],
    ["block checksums", makeFrame([x, hash, x, hash], withBlockChecksums), "xx"],
    ["a content checksum", Buffer.concat([makeFrame([x], withContentChecksum), hash]), "x"],
    ["no blocks", makeFrame([]), ""]
  ])("decompresses a frame with %s", ([, frame, content]) =>
    Effect.gen(function*() {
      assert.strictEqual(yield* run(frame), content)
    }))

  it.live.each<[string, Buffer]>([
    ["lz4 offset out of range", makeFrame([compressed(0x20, 97, 98, 3, 0, 0x50, 99, 99, 99, 99, 99)])],
    ["lz4 offset out of range", makeFrame([compressed(0x20, 97, 98, 0, 0, 0x50, 99, 99, 99, 99, 99)])],
    // Independent blocks: a match must not refer to the block before.
    ["lz4 offset out of range", makeFrame([x, compressed(0x10, 97, 2, 0, 0x10, 99)])],
    ["lz4 literals exceed the block", makeFrame([compressed(0x50, 97)])],
    ["truncated lz4 literal length", makeFrame([compressed(0xf0, 255)])],
    ["truncated lz4 offset", makeFrame([compressed(0x10, 97, 1)])],
    ["truncated lz4 match length", makeFrame([compressed(0x1f, 97, 1, 0, 255)])],
    ["truncated lz4 sequence", makeFrame([compressed(0x10, 97, 1, 0)])],
    ["lz4 match exceeds the block", makeFrame([compressed(0x1f, 97, 1, 0, ...Array(260).fill(255), 0, 0x10, 98)])],
    ["lz4 block too large", makeFrame([stored(Buffer.alloc(65_537))])],
    // A skippable frame that ends too early.
    ["truncated lz4 data", Buffer.concat([makeFrame([x]), le32(0x184d2a5f), le32(3), Buffer.from("ab")])],
    ["lz4 block checksum mismatch", makeFrame([x, hash, x, le32(0)], withBlockChecksums)],
    ["lz4 content checksum mismatch", Buffer.concat([makeFrame([x], withContentChecksum), le32(0)])],
    ["lz4 content size mismatch", makeFrame([compressed(...valid)], withSize(12))],
    ["unsupported lz4 version, dictionary or flag", makeFrame([], { flags: 0xa0 })],
    ["unsupported lz4 version, dictionary or flag", makeFrame([], { flags: 0x61 })],
    ["invalid lz4 block size", makeFrame([], { blockSize: 0x30 })],
    ["lz4 header checksum mismatch", Buffer.concat([le32(0x184d2204), Buffer.from([0x60, 0x40, 0]), le32(0)])]
  ])("fails: %s", ([message, frame]) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(run(frame))
      assert.instanceOf(error, CorruptInput)
      assert.strictEqual(error.message, message)
    }))
})

describe("XxHash32", () => {
  it.each([
    ["", 0x02cc5d05],
    ["a", 0x550d7456],
    ["abc", 0x32d153ff],
    ["Nobody inspects the spammish repetition", 0xe2293b2f]
  ])("hashes %j, in one piece and byte by byte", (text, hash) => {
    const bytes = Buffer.from(text)
    assert.strictEqual(new XxHash32().update(bytes).digest(), hash)
    const piecewise = new XxHash32()
    for (let i = 0; i < bytes.length; i++) piecewise.update(bytes.subarray(i, i + 1))
    assert.strictEqual(piecewise.digest(), hash)
  })
})
