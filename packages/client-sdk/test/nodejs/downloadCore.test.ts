import { assert, describe, it } from "@effect/vitest"
import { type CoreFile, CoreNotFound, CoreSource, NodeFailed, PreconditionFailed } from "@koredump/core"
import { type FakeCore, FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { Effect, Exit, Fiber, Stream } from "effect"
import { TestClock } from "effect/testing"
import { spawnSync } from "node:child_process"
import { createHash } from "node:crypto"
import { once } from "node:events"
import { existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import fs, { link, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from "node:fs/promises"
import { syncBuiltinESMExports } from "node:module"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import { makeCoreHandler, ref, withServer } from "../../../../test-support/coreServer.ts"
import { downloadCore, type DownloadProgress, writeTextFile } from "../../src/node.ts"

// Hex digits: compressible, but only by half.
const plain = Buffer.from(
  Buffer.concat(Array.from({ length: 10_000 }, (_, i) => createHash("sha256").update(String(i)).digest())).toString(
    "hex"
  )
)
const stored = zstdCompressSync(plain)

const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "koredump-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true }))
)

/** Runs an effect with a source of one core. `bytes` may replace the bytes of the file. */
const withCore = <A, E>(
  body: (
    core: { readonly ref: typeof ref; readonly dir: string; readonly path: string }
  ) => Effect.Effect<A, E, CoreSource>,
  core: FakeCore = { compression: "zstd", content: stored },
  bytes: (file: CoreFile, from: number) => CoreFile["bytes"] = (file) => file.bytes
) =>
  Effect.gen(function*() {
    const cores = yield* FakeCores
    const source = yield* CoreSource
    const ref = yield* cores.put(core)
    const dir = yield* directory
    const wrapped = CoreSource.of({
      ...source,
      open: (ref) =>
        Effect.map(source.open(ref), (file) => ({
          ...file,
          bytes: (range) => bytes(file, range?.start ?? 0)(range)
        }))
    })
    return yield* body({ ref, dir, path: join(dir, "core.zst") }).pipe(Effect.provideService(CoreSource, wrapped))
  }).pipe(Effect.scoped, Effect.provide(layerFakeCoreSource()))

const read = (path: string) => Effect.promise(() => readFile(path))
const list = (dir: string) => Effect.promise(() => readdir(dir))
const sameBytes = (a: Uint8Array, b: Uint8Array) => assert.isTrue(Buffer.compare(a, b) === 0, "same bytes")

/** Each connection breaks after `most` bytes. */
const breaking = (most: number) => (file: CoreFile) => (range?: { start: number; end: number }) => {
  const { end, start } = range ?? { start: 0, end: file.size }
  return end - start <= most
    ? file.bytes({ start, end })
    : Stream.concat(file.bytes({ start, end: start + most }), Stream.fail(new NodeFailed({ detail: "broken" })))
}

/** Advances the clock until the effect ends. Files are real, so the effect does not end by the clock alone. */
const withClock = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(effect)
    yield* Effect.promise(() => new Promise(setImmediate)).pipe(
      Effect.andThen(TestClock.adjust("10 seconds")),
      Effect.repeat({ until: () => fiber.pollUnsafe() !== undefined })
    )
    return yield* Fiber.join(fiber)
  })

/** Runs an effect while `link` fails with `code`, after `before` has run. */
const withoutHardLinks = <A, E, R>(code: string, before: () => void, effect: Effect.Effect<A, E, R>) => {
  const { link } = fs
  fs.link = async () => {
    before()
    throw Object.assign(new Error("link"), { code })
  }
  syncBuiltinESMExports()
  return Effect.ensuring(
    effect,
    Effect.sync(() => {
      fs.link = link
      syncBuiltinESMExports()
    })
  )
}

/** A Unix socket. */
const listen = (path: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const server = createServer().listen(path)
      await once(server, "listening")
      return server
    }),
    (server) => Effect.sync(() => server.close())
  )

describe("downloadCore", () => {
  it.effect("writes the bytes with mode 0600 and reports progress", () =>
    withCore(({ dir, path, ref }) =>
      Effect.gen(function*() {
        const progress: Array<DownloadProgress> = []
        const result = yield* downloadCore({ ref, path, sha256: true, onProgress: (p) => progress.push(p) })
        sameBytes(yield* read(path), stored)
        const { mode } = yield* Effect.promise(() => stat(path))
        assert.strictEqual(mode & 0o7777, 0o600)
        assert.deepStrictEqual(yield* list(dir), ["core.zst"])
        assert.deepStrictEqual(result.stored, { path, size: stored.length, existed: false })
        assert.strictEqual(result.sha256, createHash("sha256").update(stored).digest("hex"))
        assert.deepStrictEqual(progress.at(-1), { received: stored.length, total: stored.length, resumedFrom: 0 })
      })
    ))

  it.effect("reports progress at most ten times a second, and at the end", () =>
    withCore(
      ({ path, ref }) =>
        Effect.gen(function*() {
          const progress: Array<DownloadProgress> = []
          const start = performance.now()
          yield* downloadCore({ ref, path, onProgress: (p) => progress.push(p) })
          assert.isAtMost(progress.length, 2 + (performance.now() - start) / 100)
          assert.strictEqual(progress[0]?.received, 1000)
          assert.strictEqual(progress.at(-1)?.received, stored.length)
        }),
      undefined,
      () => () =>
        Stream.range(0, Math.ceil(stored.length / 1000) - 1).pipe(
          Stream.map((i) => stored.subarray(1000 * i, 1000 * (i + 1))),
          Stream.rechunk(1)
        )
    ))

  it.effect("sets mode 0600 whatever the umask is", () =>
    withCore(({ path, ref }) =>
      Effect.gen(function*() {
        const mask = process.umask(0o777)
        yield* Effect.ensuring(downloadCore({ ref, path }), Effect.sync(() => process.umask(mask)))
        assert.strictEqual((yield* Effect.promise(() => stat(path))).mode & 0o7777, 0o600)
      })
    ))

  it.effect("writes both files from one download, or the decompressed file alone", () => {
    let requests = 0
    return withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          const both = yield* downloadCore({ ref, path, decompressedPath: join(dir, "core") })
          assert.strictEqual(requests, 1)
          sameBytes(yield* read(path), stored)
          sameBytes(yield* read(join(dir, "core")), plain)
          assert.strictEqual(both.decompressed?.size, plain.length)
          yield* downloadCore({ ref, decompressedPath: join(dir, "alone") })
          sameBytes(yield* read(join(dir, "alone")), plain)
          assert.deepStrictEqual((yield* list(dir)).toSorted(), ["alone", "core", "core.zst"])
        }),
      undefined,
      (file) => (range) => {
        requests += 1
        return file.bytes(range)
      }
    )
  })

  it.effect("reconnects any number of times while each connection sends some bytes", () =>
    withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          yield* withClock(downloadCore({ ref, path, decompressedPath: join(dir, "core") }))
          sameBytes(yield* read(path), stored)
          sameBytes(yield* read(join(dir, "core")), plain)
        }),
      undefined,
      breaking(Math.ceil(stored.length / 9))
    ))

  it.effect("fails after six reconnects in a row without a byte, and keeps the part", () => {
    let requests = 0
    return withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          const failure = yield* Effect.flip(withClock(downloadCore({ ref, path })))
          assert.strictEqual(failure._tag, "NodeFailed")
          assert.strictEqual(requests, 1 + 6)
          const [part, ...others] = yield* list(dir)
          assert.strictEqual((yield* read(join(dir, part!))).length, 1000)
          assert.deepStrictEqual(others, [])
        }),
      undefined,
      (file, start) => () => {
        requests += 1
        const broken = Stream.fail(new NodeFailed({ detail: "broken" }))
        return start === 0 ? Stream.concat(file.bytes({ start: 0, end: 1000 }), broken) : broken
      }
    )
  })

  it.effect("keeps the part if it fails, and resumes it the next time", () =>
    Effect.gen(function*() {
      let broken = true
      const starts: Array<number> = []
      const half = stored.length >> 1
      yield* withCore(
        ({ dir, path, ref }) =>
          Effect.gen(function*() {
            const first = yield* Effect.exit(downloadCore({ ref, path, decompressedPath: join(dir, "core") }))
            assert.isTrue(Exit.isFailure(first))
            const [part, ...more] = yield* list(dir)
            assert.strictEqual(join(dir, part!), yield* partPath(path, ref))
            assert.deepStrictEqual(more, [])
            assert.strictEqual((yield* read(join(dir, part!))).length, half)
            broken = false
            const result = yield* downloadCore({ ref, path, decompressedPath: join(dir, "core"), sha256: true })
            assert.strictEqual(result.resumedFrom, half)
            assert.strictEqual(result.sha256, createHash("sha256").update(stored).digest("hex"))
            sameBytes(yield* read(path), stored)
            sameBytes(yield* read(join(dir, "core")), plain)
            assert.deepStrictEqual((yield* list(dir)).toSorted(), ["core", "core.zst"])
            assert.deepStrictEqual(starts, [0, half])
          }),
        undefined,
        (file, from) => (range) => {
          starts.push(from)
          return broken
            ? Stream.concat(file.bytes({ start: from, end: half }), Stream.fail(new CoreNotFound({ ...ref })))
            : file.bytes(range)
        }
      )
    }))

  it.effect("does not resume the part of another core, one that others may have planted, or one that is too long", () =>
    withCore(({ dir, path, ref }) =>
      Effect.gen(function*() {
        yield* Effect.promise(() => writeFile(`${path}.0123456789abcdef.part`, "another"))
        yield* Effect.promise(() => writeFile(`${path}.notes.part`, "not a part"))
        yield* downloadCore({ ref, path })
        sameBytes(yield* read(path), stored)
        assert.deepStrictEqual((yield* list(dir)).toSorted(), ["core.zst", "core.zst.notes.part"])
        yield* Effect.promise(() => rm(path))

        const victim = join(dir, "victim")
        const part = yield* partPath(path, ref)
        yield* Effect.promise(() => writeFile(victim, "v"))
        for (const plant of [symlink, link]) {
          yield* Effect.promise(() => plant(victim, part))
          yield* downloadCore({ ref, path })
          assert.strictEqual((yield* read(victim)).toString(), "v")
          sameBytes(yield* read(path), stored)
          yield* Effect.promise(() => rm(path))
        }

        // With another user ID of this process, the part looks like another user's.
        yield* Effect.promise(() => writeFile(part, "planted"))
        const { getuid } = process
        process.getuid = () => getuid!() + 1
        yield* Effect.ensuring(downloadCore({ ref, path }), Effect.sync(() => process.getuid = getuid!))
        sameBytes(yield* read(path), stored)
        yield* Effect.promise(() => rm(path))

        yield* Effect.promise(() => writeFile(part, Buffer.alloc(stored.length + 1)))
        yield* downloadCore({ ref, path })
        sameBytes(yield* read(path), stored)
      })
    ))

  it.effect("starts again if the core changes during the download", () => {
    let changed = false
    return withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          yield* downloadCore({ ref, path })
          sameBytes(yield* read(path), stored)
          assert.deepStrictEqual(yield* list(dir), ["core.zst"])
        }),
      undefined,
      (file) => (range) => {
        if (changed) return file.bytes(range)
        changed = true
        return Stream.concat(Stream.make(Buffer.from("old")), Stream.fail(new PreconditionFailed()))
      }
    )
  })

  it.effect("fails if the core changes during three downloads", () => {
    let requests = 0
    return withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(downloadCore({ ref, path })))._tag, "PreconditionFailed")
          assert.strictEqual(requests, 3)
          assert.deepStrictEqual(yield* list(dir), [])
        }),
      undefined,
      () => () => {
        requests += 1
        return Stream.concat(Stream.make(Buffer.from("old")), Stream.fail(new PreconditionFailed()))
      }
    )
  })

  it.effect("accepts a file of the same size and time, compares one of the same size, rejects others", () => {
    let requests = 0
    return withCore(
      ({ path, ref }) =>
        Effect.gen(function*() {
          yield* downloadCore({ ref, path })
          assert.isTrue((yield* downloadCore({ ref, path })).stored!.existed)
          assert.strictEqual(requests, 1)

          yield* Effect.promise(() => utimes(path, 1, 1))
          assert.isTrue((yield* downloadCore({ ref, path })).stored!.existed)
          assert.strictEqual(requests, 2)

          const other = Buffer.from(stored)
          other[stored.length - 1]! ^= 1
          for (const content of [other, Buffer.from("mine")]) {
            yield* Effect.promise(() => writeFile(path, content))
            const failure = yield* Effect.flip(downloadCore({ ref, path }))
            assert.strictEqual(failure._tag, "FileExists")
            sameBytes(yield* read(path), content)
          }
        }),
      undefined,
      (file) => (range) => {
        requests += 1
        return file.bytes(range)
      }
    )
  })

  it.effect("rejects a directory, and a file that is longer than the decompressed core", () =>
    withCore(({ dir, ref }) =>
      Effect.gen(function*() {
        const directory = join(dir, "directory")
        const longer = join(dir, "longer")
        yield* Effect.promise(() => mkdir(directory))
        yield* Effect.promise(() => writeFile(longer, Buffer.concat([plain, Buffer.from("more")])))
        for (const decompressedPath of [directory, longer]) {
          assert.strictEqual((yield* Effect.flip(downloadCore({ ref, decompressedPath })))._tag, "FileExists")
        }
      })
    ))

  it.effect.each(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"])(
    "writes to a file system without hard links: %s",
    (code) =>
      withCore(({ dir, path, ref }) =>
        Effect.gen(function*() {
          yield* withoutHardLinks(code, () => {}, downloadCore({ ref, path }))
          sameBytes(yield* read(path), stored)
          assert.deepStrictEqual(yield* list(dir), ["core.zst"])
        })
      )
  )

  it.effect("does not overwrite a file that appears at the last moment, without hard links either", () =>
    withCore(({ path, ref }) =>
      Effect.gen(function*() {
        const appear = () => writeFileSync(path, "mine")
        const failure = yield* Effect.flip(withoutHardLinks("EPERM", appear, downloadCore({ ref, path })))
        assert.strictEqual(failure._tag, "FileExists")
        assert.strictEqual((yield* read(path)).toString(), "mine")
      })
    ))

  it.effect("leaves no empty file if the part cannot be renamed", () =>
    withCore(({ dir, path, ref }) =>
      Effect.gen(function*() {
        const { rename } = fs
        fs.rename = () => Promise.reject(Object.assign(new Error("rename"), { code: "EIO" }))
        const restore = Effect.sync(() => fs.rename = rename)
        const failure = yield* Effect.flip(
          Effect.ensuring(withoutHardLinks("EPERM", () => {}, downloadCore({ ref, path })), restore)
        )
        assert.include(failure, { _tag: "FileFailed", code: "EIO" })
        const [part, ...others] = yield* list(dir)
        assert.match(part!, /\.part$/)
        assert.deepStrictEqual(others, [])
      })
    ))

  it.live.each(
    [
      ["a named pipe", (path: string) => Effect.sync(() => spawnSync("mkfifo", [path]))],
      ["a socket", (path: string) => listen(path)],
      ["a directory", (path: string) => Effect.promise(() => mkdir(path))],
      ["a link to a named pipe", (path: string) =>
        Effect.promise(async () => {
          spawnSync("mkfifo", [`${path}.pipe`])
          await symlink(`${path}.pipe`, path)
        })],
      ["a link to a device", (path: string) => Effect.promise(() => symlink("/dev/zero", path))],
      ["a broken link", (path: string) => Effect.promise(() => symlink("/nonexistent", path))]
    ] as const
  )(
    "fails at once if there is %s",
    ([, plant]) =>
      withCore(({ dir, path, ref }) =>
        Effect.scoped(Effect.gen(function*() {
          yield* plant(path)
          assert.strictEqual((yield* Effect.flip(downloadCore({ ref, path })))._tag, "FileExists")
          const text = { path, text: "text", canReplace: () => true }
          assert.strictEqual((yield* Effect.flip(writeTextFile(text)))._tag, "FileExists")

          // In place of a part.
          const other = join(dir, "other")
          yield* plant(yield* partPath(other, ref))
          const exit = yield* Effect.exit(downloadCore({ ref, path: other }))
          if (Exit.isSuccess(exit)) sameBytes(yield* read(other), stored)
          else assert.include(yield* Effect.flip(exit), { _tag: "FileFailed" })
        }))
      ),
    10_000
  )

  it.live.each(["named pipe", "link"])(
    "fails at once if a file is replaced by a %s after it was checked",
    ([kind]) =>
      withCore(({ path, ref }) =>
        Effect.gen(function*() {
          // Same size, another time: it is compared.
          yield* Effect.promise(() => writeFile(path, stored))
          const { lstat } = fs
          fs.lstat = (async (file: string) => {
            const found = await lstat(file)
            rmSync(file)
            if (kind === "link") symlinkSync("/dev/zero", file)
            else spawnSync("mkfifo", [file])
            return found
          }) as typeof lstat
          syncBuiltinESMExports()
          const restore = Effect.sync(() => {
            fs.lstat = lstat
            syncBuiltinESMExports()
          })
          const failure = yield* Effect.flip(Effect.ensuring(downloadCore({ ref, path }), restore))
          assert.strictEqual(failure._tag, "FileExists")
        })
      ),
    10_000
  )

  it.effect("does not accept the stored file as the decompressed file, or the reverse", () =>
    withCore(({ dir, path, ref }) =>
      Effect.gen(function*() {
        yield* downloadCore({ ref, path })
        assert.strictEqual((yield* Effect.flip(downloadCore({ ref, decompressedPath: path })))._tag, "FileExists")
        sameBytes(yield* read(path), stored)
        yield* downloadCore({ ref, decompressedPath: join(dir, "core") })
        assert.isTrue((yield* downloadCore({ ref, decompressedPath: join(dir, "core") })).decompressed!.existed)
        assert.strictEqual((yield* Effect.flip(downloadCore({ ref, path: join(dir, "core") })))._tag, "FileExists")
      })
    ))

  it.effect("fails to decompress an empty file", () =>
    withCore(({ path, ref }) =>
      Effect.gen(function*() {
        assert.strictEqual((yield* downloadCore({ ref, path })).stored!.size, 0)
        const failure = yield* Effect.flip(downloadCore({ ref, path, decompressedPath: path }))
        assert.deepInclude(failure, {
          _tag: "CoreUnreadable",
          detail: "The core cannot be decompressed: the file is empty."
        })
      }), { compression: "none", content: new Uint8Array() }))

  it.effect("decompresses an existing stored file without a download", () => {
    let requests = 0
    return withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          yield* downloadCore({ ref, path })
          yield* downloadCore({ ref, path, decompressedPath: join(dir, "core") })
          sameBytes(yield* read(join(dir, "core")), plain)
          assert.strictEqual(requests, 1)
        }),
      undefined,
      (file) => (range) => {
        requests += 1
        return file.bytes(range)
      }
    )
  })

  it.effect("keeps the stored file if the core cannot be decompressed", () => {
    const corrupt = stored.subarray(0, 200_000)
    return withCore(({ dir, path, ref }) =>
      Effect.gen(function*() {
        const failure = yield* Effect.flip(downloadCore({ ref, path, decompressedPath: join(dir, "core") }))
        assert.strictEqual(failure._tag, "CoreUnreadable")
        sameBytes(yield* read(path), corrupt)
        assert.deepStrictEqual(yield* list(dir), ["core.zst"])
      }), { compression: "zstd", content: corrupt })
  })

  it.effect("downloads the rest of a core that is corrupt at its start", () => {
    const corrupt = Buffer.concat([Buffer.from("not zstd"), stored])
    const starts: Array<number> = []
    return withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          const failure = yield* Effect.flip(downloadCore({ ref, path, decompressedPath: join(dir, "core") }))
          assert.strictEqual(failure._tag, "CoreUnreadable")
          sameBytes(yield* read(path), corrupt)
          assert.lengthOf(starts, 2)
          assert.isAbove(starts[1]!, 0)
        }),
      { compression: "zstd", content: corrupt },
      // Slow, so that the decompressor fails before the end of the file.
      (file, start) => () => {
        starts.push(start)
        return Stream.range(0, Math.ceil((file.size - start) / 10_000) - 1).pipe(
          Stream.rechunk(1),
          Stream.mapEffect((i) =>
            Effect.promise(async () => {
              await new Promise((resolve) => setImmediate(resolve))
              return corrupt.subarray(start + 10_000 * i, start + 10_000 * (i + 1))
            })
          )
        )
      }
    )
  })

  it.effect("writes one file if both paths are equal", () =>
    withCore(({ dir, path, ref }) =>
      Effect.gen(function*() {
        const result = yield* downloadCore({ ref, path, decompressedPath: path })
        assert.deepStrictEqual(result.stored, { path, size: plain.length, existed: false })
        assert.isUndefined(result.decompressed)
        sameBytes(yield* read(path), plain)
        assert.deepStrictEqual(yield* list(dir), ["core.zst"])
      }), { compression: "none", content: plain }))

  it.effect("fails if the source sends fewer bytes than announced", () =>
    withCore(
      ({ path, ref }) =>
        Effect.gen(function*() {
          const failure = yield* Effect.flip(downloadCore({ ref, path }))
          assert.include(failure, { _tag: "FileFailed", code: "EIO" })
          assert.isFalse(existsSync(path))
        }),
      undefined,
      (file) => () => file.bytes({ start: 0, end: 1000 })
    ))

  it.effect("leaves no part without a byte", () =>
    withCore(
      ({ dir, path, ref }) =>
        Effect.gen(function*() {
          assert.strictEqual((yield* Effect.flip(downloadCore({ ref, path })))._tag, "CoreNotFound")
          assert.deepStrictEqual(yield* list(dir), [])
        }),
      undefined,
      () => () => Stream.fail(new CoreNotFound({ ...ref }))
    ))

  it.effect("does not overwrite a file that appears during the download", () => {
    let path = ""
    return withCore(
      (core) =>
        Effect.gen(function*() {
          path = core.path
          assert.strictEqual((yield* Effect.flip(downloadCore({ ref: core.ref, path })))._tag, "FileExists")
          assert.strictEqual((yield* read(path)).toString(), "mine")
        }),
      undefined,
      (file) => (range) => Stream.onFirst(file.bytes(range), () => Effect.promise(() => writeFile(path, "mine")))
    )
  })

  it.effect("explains why a file cannot be written", () =>
    withCore(({ dir, ref }) =>
      Effect.gen(function*() {
        const path = join(dir, "none", "core")
        const failure = yield* Effect.flip(downloadCore({ ref, path }))
        assert.strictEqual(failure.message, `Cannot write ${path}: no such file or directory.`)
        assert.isFalse(existsSync(path))
      })
    ))

  it.live("reconnects to a server over HTTP when the connection breaks", () =>
    Effect.gen(function*() {
      const content = Buffer.alloc(3_000_000, "koredump")
      const { handler, requests } = makeCoreHandler(content, ({ count }) => count <= 2 ? 1_000_000 : undefined)
      const dir = yield* directory
      const path = join(dir, "core")
      yield* withServer(handler, (source) => Effect.provideService(downloadCore({ ref, path }), CoreSource, source))
      sameBytes(yield* read(path), content)
      assert.deepStrictEqual(requests.slice(0, 2), ["HEAD 0", "GET 0"])
      assert.strictEqual(requests.length, 4)
    }).pipe(Effect.scoped))
})

/** The path of the part of a core. */
const partPath = (path: string, { id, node }: typeof ref) =>
  Effect.scoped(CoreSource.use((source) =>
    Effect.map(source.open({ id, node }), ({ etag }) => {
      const key = createHash("sha256").update(`${node}/${id}/${etag}`).digest("hex").slice(0, 16)
      return `${path}.${key}.part`
    })
  ))
