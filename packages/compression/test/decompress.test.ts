import { assert, describe, it } from "@effect/vitest"
import { CorruptInput, decompress, readDecompressed } from "@koredump/compression"
import { Effect, Stream } from "effect"
import { readFileSync } from "node:fs"
import { zstdCompressSync } from "node:zlib"
import { content } from "./content.ts"

const fixture = (name: string) => new Uint8Array(readFileSync(new URL(`fixtures/${name}`, import.meta.url)))

const fixtures = [
  ["zstd", "plain.zst"],
  ["zstd", "unchecked.zst"],
  ["zstd", "frames.zst"],
  ["lz4", "plain.lz4"],
  ["lz4", "linked.lz4"],
  ["lz4", "frames.lz4"],
  ["xz", "plain.xz"],
  ["xz", "blocks.xz"],
  ["xz", "frames.xz"]
] as const

type Compression = (typeof fixtures)[number][0]

const toChunks = (bytes: Uint8Array, size: number) =>
  Stream.fromIterable(
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  )

/** Decompresses and returns all output. */
const run = (compression: Compression, bytes: Uint8Array, size = 65_536) =>
  toChunks(bytes, size).pipe(
    decompress(compression),
    Stream.runFold(() => Buffer.alloc(0), (all, chunk: Uint8Array) => Buffer.concat([all, chunk]))
  )

const fails = (compression: Compression, bytes: Uint8Array, what: string) =>
  run(compression, bytes).pipe(
    Effect.flip,
    Effect.tap((error) => Effect.sync(() => assert.instanceOf(error, CorruptInput))),
    Effect.catch((output) => Effect.die(`${what} gave ${output.length} bytes instead of an error`))
  )

describe.each(fixtures)("%s %s", (compression, name) => {
  const bytes = fixture(name)

  it.live("decompresses the content from chunks of any size", () =>
    Effect.gen(function*() {
      for (const size of [1, 13, 7777, 65_536, bytes.length]) {
        const output = yield* run(compression, bytes, size)
        assert.isTrue(output.equals(content), `chunks of ${size}`)
      }
    }))

  it.live("decompresses concatenated files", () =>
    Effect.gen(function*() {
      const output = yield* run(compression, Buffer.concat([bytes, bytes]), bytes.length)
      assert.isTrue(output.equals(Buffer.concat([content, content])))
    }))

  it.live("fails if the input is truncated at any position", () =>
    Effect.gen(function*() {
      // Input that is truncated between two frames is valid.
      const whole = name.startsWith("frames.") ? yield* frameEnds(compression, bytes) : new Set()
      const cuts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 100]
      for (let i = 1; i <= 16; i++) cuts.push(bytes.length - i, Math.floor(bytes.length * i / 17))
      for (const cut of cuts) {
        if (!whole.has(cut)) yield* fails(compression, bytes.subarray(0, cut), `a cut at ${cut} of ${bytes.length}`)
      }
    }))

  it.live("fails if there is data after the end", () =>
    fails(compression, Buffer.concat([bytes, Buffer.from("garbage!!garbage")]), "trailing garbage"))

  it.live("fails if the input has another format", () =>
    fails(compression, Buffer.from("\x7fELF is not compressed at all"), "junk"))
})

/** The tested positions that lie between the frames of a fixture. */
const frameEnds = (compression: Compression, bytes: Uint8Array) =>
  Effect.gen(function*() {
    const ends = new Set<number>()
    for (let i = 1; i <= 17; i++) {
      const cut = Math.floor(bytes.length * i / 17)
      const output = yield* run(compression, bytes.subarray(0, cut)).pipe(Effect.orElseSucceed(() => undefined))
      if (output?.length === 100_000) ends.add(cut)
    }
    return ends
  })

it.live("detects a flipped bit if the format has a checksum", () =>
  Effect.gen(function*() {
    for (const [compression, name] of fixtures.filter(([, name]) => name.startsWith("plain."))) {
      const bytes = fixture(name)
      for (let i = 1; i < 20; i++) {
        const damaged = Uint8Array.from(bytes)
        damaged[Math.floor(bytes.length * i / 20)]! ^= 0x10
        yield* fails(compression, damaged, `${name}, bit flipped at ${i}/20`)
      }
    }
  }))

it.live("passes uncompressed input through, and fails if it is empty", () =>
  Effect.gen(function*() {
    const chunks = yield* Stream.make(content).pipe(decompress("none"), Stream.runCollect)
    assert.deepStrictEqual(chunks, [content])
    const error = yield* Stream.empty.pipe(decompress("none"), Stream.runDrain, Effect.flip)
    assert.instanceOf(error, CorruptInput)
  }))

it.live("decompresses several files concurrently", () =>
  Effect.gen(function*() {
    const outputs = yield* Effect.forEach([1, 2, 3], () => run("xz", fixture("plain.xz"), 1000), { concurrency: 3 })
    for (const output of outputs) assert.isTrue(output.equals(content))
  }))

it.live("decompresses zstd blocks of one repeated byte", () =>
  Effect.gen(function*() {
    const zeros = Buffer.alloc(1_000_000)
    const frame = zstdCompressSync(zeros)
    assert.isTrue((yield* run("zstd", frame, 3)).equals(zeros))
    assert.isTrue((yield* run("zstd", Buffer.concat([frame, frame]))).equals(Buffer.alloc(2_000_000)))
    yield* fails("zstd", frame.subarray(0, -1), "truncated zeros")
  }))

it.live("skips skippable lz4 frames", () =>
  Effect.gen(function*() {
    const skippable = Buffer.concat([Buffer.from([0x50, 0x2a, 0x4d, 0x18, 5, 0, 0, 0]), Buffer.from("hello")])
    const output = yield* run("lz4", Buffer.concat([skippable, fixture("plain.lz4"), skippable]), 3)
    assert.isTrue(output.equals(content))
  }))

/** Reads all blocks, and checks that each is valid until the call after the next one. */
const readAll = async (compression: Compression | "none", bytes: Uint8Array, readSize: number) => {
  const { close, read } = readDecompressed(compression, async (into, position) => {
    const part = bytes.subarray(position, position + Math.min(readSize, into.length))
    into.set(part)
    return part.length
  })
  const { signal } = new AbortController()
  const copies: Array<Uint8Array> = []
  try {
    let block = await read(signal)
    while (block !== undefined) {
      const next = await read(signal)
      copies.push(Uint8Array.from(block))
      block = next
    }
  } finally {
    close()
  }
  return Buffer.concat(copies)
}

const failure = (promise: Promise<unknown>): Promise<string> =>
  promise.then(() => "no failure", (error: unknown) => error instanceof Error ? error.message : String(error))

/** More than three blocks, so that memory is used again. */
const long = Buffer.alloc(4_500_000, content)

describe("readDecompressed", () => {
  it.live.each(fixtures)("decompresses %s %s", ([compression, name]) =>
    Effect.promise(async () => {
      for (const size of [777, 65_537, 1_000_000]) {
        assert.isTrue((await readAll(compression, fixture(name), size)).equals(content), `reads of ${size}`)
      }
    }))

  it.live.each(fixtures)(
    "rejects %s %s if it is truncated or has another format",
    ([compression, name]) =>
      Effect.promise(async () => {
        const bytes = fixture(name)
        for (const broken of [bytes.subarray(0, 0), bytes.subarray(0, -1), content.subarray(0, 500)]) {
          assert.notStrictEqual(await failure(readAll(compression, broken, 1000)), "no failure")
        }
      })
  )

  it.live("decompresses more than fits in its buffers", () =>
    Effect.promise(async () => {
      assert.isTrue((await readAll("zstd", zstdCompressSync(long), 100_000)).equals(long))
      assert.isTrue((await readAll("none", long, 400_000)).equals(long))
      assert.strictEqual(await failure(readAll("none", new Uint8Array(), 1000)), "the file is empty")
    }))

  it.live("rejects if the file cannot be read, or is aborted", () =>
    Effect.promise(async () => {
      for (const compression of ["zstd", "lz4", "xz", "none"] as const) {
        const { close, read } = readDecompressed(compression, () => Promise.reject(new Error("EIO")))
        assert.strictEqual(await failure(read(new AbortController().signal)), "EIO")
        close()
      }
      const waiting = readDecompressed("zstd", () => new Promise(() => undefined))
      const controller = new AbortController()
      const pending = failure(waiting.read(controller.signal))
      controller.abort(new Error("stop"))
      assert.strictEqual(await pending, "stop")
      waiting.close()
    }))
})

/** A zstd frame with one stored block, without content size and checksum. */
const makeZstdFrame = (windowLog: number) =>
  Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, 9, 0, 0, 120])

it.live("rejects zstd windows of more than 8 MiB", () =>
  Effect.gen(function*() {
    assert.strictEqual((yield* run("zstd", makeZstdFrame(23))).toString(), "x")
    for (const windowLog of [24, 27, 31, 41]) {
      yield* fails("zstd", makeZstdFrame(windowLog), `a window of 2^${windowLog}`)
    }
  }))
