/** A coredump directory with invalid and hostile files. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { chmod, copyFile, mkdir, rm, stat, symlink, truncate, writeFile } from "node:fs/promises"
import { basename, join } from "node:path"
import { inject } from "vitest"
import { ctl, ctlOk } from "./support/Ctl.ts"
import { sha256, sha256File, tempDir } from "./support/Files.ts"
import { corePath, download, list, request, type WireCore } from "./support/Http.ts"
import { coredumpDir, crash, run } from "./support/Pipeline.ts"
import { type StartedServer, startServer } from "./support/Server.ts"
import { Watch } from "./support/Watch.ts"

const bootId = "0123456789abcdef0123456789abcdef"
const named = (comm: string, pid: number, extension = ".zst") =>
  `core.${comm}.0.${bootId}.${pid}.1700000000000000${extension}`
const [unreadable, empty, cut, link, fifo, folder, hostile, invalid] = [
  named("unreadable", 101),
  named("empty", 102),
  named("cut", 103),
  named("link", 104),
  named("fifo", 105),
  named("folder", 106),
  named("hostile", 107),
  named("invalid", 108)
]
const wrongName = "core.not-one-of-systemd.zst"
const secret = "root:x:0:0"

/** The root of a host that has only a coredump directory. */
let root: Awaited<ReturnType<typeof tempDir>>
let dir: string
let server: StartedServer
let good: ReadonlyArray<string>
let cores: ReadonlyArray<WireCore>

const copy = (from: string, to: string) => run("cp", ["--preserve=mode,timestamps,xattr", "--", from, to])

beforeAll(async () => {
  root = await tempDir()
  dir = join(root.path, coredumpDir)
  await mkdir(dir, { recursive: true })
  await using crashes = await Watch.open(inject("local"))
  const files: Array<string> = []
  for (const name of ["deep", "abort", "stripped"]) {
    const { id } = await crashes.core(await crash(name))
    files.push(join(coredumpDir, id))
  }
  good = files.map((file) => basename(file))
  for (const [i, file] of files.entries()) await copy(file, join(dir, good[i]!))
  const path = (name: string) => join(dir, name)
  await copy(files[0]!, path(unreadable))
  await run("setfattr", ["-x", "user.coredump.comm", path(unreadable)])
  await chmod(path(unreadable), 0)
  await writeFile(path(empty), "")
  await copy(files[0]!, path(cut))
  await truncate(path(cut), (await stat(path(cut))).size - 1000)
  await symlink("/etc/passwd", path(link))
  await run("mkfifo", [path(fifo)])
  await mkdir(path(folder))
  await copyFile(files[0]!, path(wrongName))
  await copyFile(files[0]!, path(hostile))
  await run("setfattr", ["-n", "user.coredump.exe", "-v", `0x${"41".repeat(2500)}`, path(hostile)])
  for (
    const [key, value] of [["comm", "0x00ff0a1b5d"], ["hostname", "0xfffefd0d0a7b"], ["pid", "0x2d31"], ["uid", "0x"], [
      "timestamp",
      `0x${"39".repeat(40)}`
    ], ["signal", `0x${"39".repeat(30)}`]]
  ) {
    await run("setfattr", ["-n", `user.coredump.${key}`, "-v", value!, path(hostile)])
  }
  await copyFile(files[0]!, path(invalid))
  await run("setfattr", ["-n", "user.coredump.signal", "-v", "no number", path(invalid)])
  // Root without capabilities, like in koredump's pod, cannot read a file without permission bits.
  server = await startServer("local", ["--coredump-dir", dir], { stripped: true })
  await using _ready = await Watch.open(server)
  cores = await list(server, "state=any")
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await root[Symbol.asyncDispose]()
})

const answer = (id: string, query = "") =>
  request(server, `${corePath("download", { node: cores[0]!.node, id })}?${query}`)

const find = (id: string) => cores.find((core) => core.id === id)

it("lists and downloads all valid cores", async () => {
  for (const id of good) {
    const core = find(id)
    assert.isDefined(core, id)
    assert.strictEqual(core!.state, "present")
    assert.strictEqual(await sha256(await download(server, core!)), await sha256File(join(dir, id)))
  }
})

describe("each invalid file is listed or logged exactly once", () => {
  it.each([unreadable, empty, cut, link, fifo, folder, hostile, invalid, wrongName])("%s", async (name) => {
    const listed = cores.filter(({ id }) => id === name).length
    const logged = server.log.filter((line) => line.includes(name)).length
    assert.isAtLeast(listed + logged, 1, "not listed and not logged")
    assert.isAtMost(listed, 1)
    assert.isAtMost(logged, 1)
  })

  it("even if the directory changes", async () => {
    const before = server.log.filter((line) => line.includes(bootId)).length
    await using watch = await Watch.open(server)
    const late = named("late", 201)
    await copy(join(dir, good[0]!), join(dir, late))
    await watch.find(({ object }) => object.id === late, "the new core")
    await rm(join(dir, late))
    await watch.find(({ type, object }) => type === "DELETED" && object.id === late, "its deletion")
    assert.strictEqual(server.log.filter((line) => line.includes(bootId)).length, before)
  })
})

describe("downloads", () => {
  it("never follow a symbolic link", async () => {
    const response = await answer(link)
    assert.notInclude(await response.text(), secret)
    assert.strictEqual(response.status, 404)
    for (const from of [server, "local"] as const) {
      await using cwd = await tempDir()
      const args = from === "local" ? ["--root", root.path] : []
      const got = await ctl(from, ["get", link, "-o", "-", ...args], { cwd: cwd.path })
      assert.notStrictEqual(got.code, 0)
      assert.notInclude(got.stdout, secret)
    }
  })

  it.each([fifo, folder, wrongName, "../../../../etc/passwd"])("answer 404 for %s", async (id) => {
    const response = await answer(id)
    assert.strictEqual(response.status, 404)
    assert.strictEqual(response.headers.get("content-type"), "application/problem+json")
  })

  it("report an unreadable file", async () => {
    const response = await answer(unreadable)
    assert.strictEqual(response.status, 500)
    assert.include(await response.json(), { type: "https://koredump.dev/problems/core-unreadable" })
  })

  it.each([cut, empty])("fail to decompress %s", async (id) => {
    const outcome = await answer(id, "decompress=true").then(async (response) => {
      await response.bytes()
      return response.status
    }).catch(() => "broken off")
    assert.notStrictEqual(outcome, 200)
    await using cwd = await tempDir()
    const got = await ctl(server, ["get", "-d", cores[0]!.node, id], { cwd: cwd.path })
    assert.notStrictEqual(got.code, 0)
    assert.isNotEmpty(got.stderr)
    await stat(join(cwd.path, id.replace(".zst", ""))).then(
      () => assert.fail("an incomplete file looks complete"),
      () => {}
    )
  })

  it("print hostile attributes without control characters", async () => {
    const shown = await ctlOk(server, ["list"])
    for (const id of good) assert.include(shown, id)
    // oxlint-disable-next-line no-control-regex -- the test looks for them
    assert.notMatch(shown, /[\u0000-\u0009\u000b-\u001f\u007f]/)
  })
})
