import { assert, describe, it } from "@effect/vitest"
import { CoreUnreadable } from "@koredump/core"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import { makeShell, noon, otherCoreNotice, stored, withUnreachableNode } from "../fixtures.ts"

const second = 1_000_000
const plain = Buffer.from("the core itself")
const web = stored({ comm: "web", pid: 1, time: noon, compression: "zstd", content: zstdCompressSync(plain) })
const db = stored({ comm: "db", pid: 2, time: noon + second, fields: { namespace: "demo" } })
const lost = { comm: "lost", pid: 3, time: noon + 2 * second, fields: { reason: "vacuumed" } }

const stem = (comm: string, pid: number, time: number) =>
  `core.${comm}.0.0123456789abcdef0123456789abcdef.${pid}.${time}`
const webStem = stem("web", 1, noon)
const dbId = stem("db", 2, noon + second)

const directory = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "koredumpctl-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

const namesIn = (path: string) => readdirSync(path).toSorted()

describe("koredumpctl get", () => {
  it.effect("writes the stored core, its metadata, and with -d the decompressed core", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([web])
      const to = yield* directory
      const { code, stderr, stdout } = yield* run("get", "-1d", "-C", to)
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.deepStrictEqual(namesIn(to), [webStem, `${webStem}.json`, `${webStem}.zst`])
      assert.deepStrictEqual(readFileSync(join(to, webStem)), plain)
      assert.deepStrictEqual(new Uint8Array(readFileSync(join(to, `${webStem}.zst`))), new Uint8Array(web.content!))
      assert.strictEqual(JSON.parse(readFileSync(join(to, `${webStem}.json`), "utf8")).COREDUMP_COMM, "web")
      for (const name of namesIn(to)) assert.strictEqual(statSync(join(to, name)).mode & 0o777, 0o600)
      assert.match(stdout, /^[^\n]*\.zst {2}\d+ B\n[^\n]* {2}15 B\n[^\n]*\.json {2}\d+ B$/)
    }))

  it.effect("accepts NODE ID, and keeps files that are already there", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([db])
      const to = yield* directory
      assert.strictEqual((yield* run("get", "node-1", dbId, "-C", to)).code, 0)
      const again = yield* run("get", "node-1", dbId, "-C", to)
      assert.strictEqual(again.code, 0)
      assert.match(again.stdout, /already there/)
    }))

  it.effect("never overwrites another file", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([db])
      const to = yield* directory
      writeFileSync(join(to, dbId), "mine")
      const { code, stderr } = yield* run("get", "db", "-C", to)
      assert.strictEqual(code, 1)
      assert.match(stderr, /exists/)
      assert.strictEqual(readFileSync(join(to, dbId), "utf8"), "mine")
    }))

  it.effect.each(["", ".json"])(
    "fails at once if a named pipe, a link or a directory is in the way of core%s",
    (extension) =>
      Effect.gen(function*() {
        const { run } = yield* makeShell([db])
        const plants: ReadonlyArray<(path: string, victim: string) => void> = [
          (path) => void spawnSync("mkfifo", [path]),
          (path, victim) => symlinkSync(victim, path),
          (path) => symlinkSync("/dev/zero", path),
          (path) => mkdirSync(path)
        ]
        for (const plant of plants) {
          const to = yield* directory
          const victim = join(to, "victim")
          writeFileSync(victim, JSON.stringify({ id: dbId }))
          plant(join(to, dbId + extension), victim)
          const { code, stderr } = yield* run("get", "db", "-C", to)
          assert.strictEqual(code, 1)
          assert.match(stderr, /another file exists there\. It was not changed\./)
          assert.strictEqual(readFileSync(victim, "utf8"), JSON.stringify({ id: dbId }))
          assert.deepStrictEqual(namesIn(to).filter((name) => name.endsWith(".part")), [])
        }
      }),
    10_000
  )

  it.effect("replaces only the metadata of the same core", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([db])
      const to = yield* directory
      const path = join(to, `${dbId}.json`)
      for (const [text, code] of [["{}", 1], ["not JSON", 1], [JSON.stringify({ id: dbId }), 0]] as const) {
        writeFileSync(path, text)
        assert.strictEqual((yield* run("get", "db", "-C", to)).code, code)
        assert.strictEqual(readFileSync(path, "utf8") === text, code === 1)
      }
    }))

  it.effect("-a downloads all stored cores, and prints how many crashes it skips", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([web, db, lost])
      const to = yield* directory
      const { code, stderr } = yield* run("get", "-a", "-C", to)
      assert.deepStrictEqual([code, stderr], [0, "Skipped 1 crash without a stored core."])
      assert.deepStrictEqual(namesIn(to), [dbId, `${dbId}.json`, `${webStem}.json`, `${webStem}.zst`])
    }))

  it.effect("-a continues after a failure, and exits with 3", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([web, db], {
        wrap: ({ open }) => ({
          open: (ref) => ref.id === dbId ? Effect.fail(new CoreUnreadable({ ...ref, detail: "Bad disk." })) : open(ref)
        })
      })
      const to = yield* directory
      const { code, stderr } = yield* run("get", "-a", "-C", to)
      assert.strictEqual(code, 3)
      assert.strictEqual(stderr, `koredumpctl: ${dbId}: Bad disk.`)
      assert.include(namesIn(to), `${webStem}.zst`)
    }))

  it.effect("-d of an empty core fails", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([stored({ comm: "zero", pid: 4, time: noon, content: new Uint8Array() })])
      const { code, stderr } = yield* run("get", "-1d", "-C", yield* directory)
      assert.deepStrictEqual([code, stderr], [1, "koredumpctl: The core cannot be decompressed: the file is empty."])
    }))

  it.effect("mentions the .part file only if there can be one", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([web])
      const to = yield* directory
      writeFileSync(join(to, "file"), "")
      const { code, stderr } = yield* run("get", "-1", "-C", join(to, "file"))
      assert.strictEqual(code, 1)
      assert.match(stderr, /^koredumpctl: Cannot write [^\n]*: not a directory\.$/)
    }))

  it.effect("-1 selects the newest stored core", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([web, db, lost])
      const to = yield* directory
      assert.strictEqual((yield* run("get", "-1", "-C", to)).code, 0)
      assert.deepStrictEqual(namesIn(to), [dbId, `${dbId}.json`])
    }))

  it.effect("-o writes one file", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([web, db])
      const to = yield* directory
      assert.strictEqual((yield* run("get", "web", "-d", "-o", join(to, "x"))).code, 0)
      assert.deepStrictEqual(namesIn(to), ["x"])
      assert.deepStrictEqual(readFileSync(join(to, "x")), plain)
      assert.strictEqual((yield* run("get", "web", "db", "-o", join(to, "y"))).code, 2)
      assert.strictEqual((yield* run("get", "web", "-C", to, "-o", "z")).code, 0)
      assert.strictEqual((yield* run("get", "web", "-C", "/does/not/exist", "-o", join(to, "absolute"))).code, 0)
      assert.deepStrictEqual(namesIn(to), ["absolute", "x", "z"])
    }))

  it.effect("-o - does not write to a terminal", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([web], { columns: 80 })
      assert.strictEqual((yield* run("get", "-1", "-o", "-")).code, 2)
    }))

  const withNodeUnreachable: ReadonlyArray<readonly [operands: string, code: number, files: ReadonlyArray<string>]> = [
    ["-1", 3, [dbId, `${dbId}.json`]],
    ["db", 3, [dbId, `${dbId}.json`]],
    ["db 2", 3, [dbId, `${dbId}.json`]],
    ["-1 -o x", 3, ["x"]],
    [dbId, 0, [dbId, `${dbId}.json`]],
    [`node-1 ${dbId}`, 0, [dbId, `${dbId}.json`]]
  ]
  for (const [operands, expected, files] of withNodeUnreachable) {
    it.effect(`\`get ${operands}\` downloads the core and exits with ${expected} if a node is unreachable`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell([web, db], { wrap: withUnreachableNode })
        const to = yield* directory
        const { code, stderr } = yield* run("get", "-C", to, ...operands.split(" "))
        assert.deepStrictEqual([code, stderr], [expected, expected === 0 ? "" : otherCoreNotice])
        assert.deepStrictEqual(namesIn(to), files)
      }))
  }

  const failing: ReadonlyArray<readonly [string, number, RegExp]> = [
    ["get nobody", 4, /No core found for "nobody"/],
    ["get -1 -n nowhere", 4, /No core found/],
    ["get lost", 4, /No core is stored for this crash/],
    [`get node-9 ${dbId}`, 4, /Core not found: /],
    ["get -1 -C /does/not/exist", 1, /no such file or directory/]
  ]
  for (const [line, expected, message] of failing) {
    it.effect(`\`${line}\` exits with ${expected}`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell([web, db, lost])
        const { code, stderr, stdout } = yield* run(...line.split(" "))
        assert.deepStrictEqual([code, stdout], [expected, ""])
        assert.match(stderr, message)
      }))
  }

  it.effect("-a succeeds without cores", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([])
      assert.deepStrictEqual(yield* run("get", "-a"), { code: 0, stdout: "", stderr: "No cores to download." })
    }))
})
