/** Downloads while the file is deleted, shrinks, or the server is killed. They are complete or fail, but never too short. */
import { assert, describe, it } from "@effect/vitest"
import { readdir, readlink, rm, stat, truncate } from "node:fs/promises"
import { join } from "node:path"
import { inject, vi } from "vitest"
import { ctl } from "./support/Ctl.ts"
import { sha256, sha256File, tempDir } from "./support/Files.ts"
import { corePath, download, request, type WireCore } from "./support/Http.ts"
import { largeCore } from "./support/largeCore.ts"
import { startProxy } from "./support/Proxy.ts"
import { report } from "./support/report.ts"
import { startServer } from "./support/Server.ts"
import { Watch } from "./support/Watch.ts"

const MiB = 1 << 20

const seen = async (pid: number): Promise<WireCore> => {
  await using watch = await Watch.open(inject("local"))
  return watch.core(pid)
}

/** Starts a download, does something, and then reads the rest. Returns the hash. */
const interrupted = async (core: WireCore, query: string, between: () => Promise<unknown>) => {
  const reader = (await download(inject("local"), core, query)).getReader()
  const chunks = async function*() {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  }
  const first = (await reader.read()).value!
  await between()
  return sha256((async function*() {
    yield first
    yield* chunks()
  })())
}

describe.each(["", "decompress=true"])("query %j", (query) => {
  it("completes a download if the file is deleted", async () => {
    await using large = await largeCore()
    const [core, stored] = [await seen(large.pid), await sha256File(large.file)]
    assert.strictEqual(await interrupted(core, query, () => rm(large.file)), stored)
  })

  it("fails a download if the file shrinks", async () => {
    await using large = await largeCore()
    const core = await seen(large.pid)
    const outcome = await interrupted(core, query, () => truncate(large.file, core.size! / 2)).then(
      () => "a clean end",
      () => "a failure"
    )
    assert.strictEqual(outcome, "a failure")
  })
})

it("rejects downloads above the limit, and frees slot and file when a download ends", async () => {
  await using large = await largeCore()
  const core = await seen(large.pid)
  await using server = await startServer("local", ["--max-downloads", "1"])
  const open = async () => {
    const names = await readdir(`/proc/${server.pid}/fd`)
    const targets = await Promise.all(names.map((fd) => readlink(`/proc/${server.pid}/fd/${fd}`).catch(() => "")))
    return targets.filter((target) => target === large.file)
  }
  for (const query of ["", "decompress=true"]) {
    // A complete download, a rejected one meanwhile, another complete one, and one that the reader cancels.
    const running = (await download(server, core, query)).getReader()
    await running.read()
    const rejected = await request(server, corePath("download", core))
    assert.strictEqual(rejected.status, 429)
    assert.isString(rejected.headers.get("retry-after"))
    assert.include(await rejected.json(), { type: "https://koredump.dev/problems/too-many-downloads" })
    while (!(await running.read()).done);
    await sha256(await download(server, core, query))
    await (await download(server, core, query)).cancel()
    await vi.waitFor(async () => assert.deepStrictEqual(await open(), []), { timeout: 10_000 })
    await sha256(await download(server, core, query))
  }
})

/** The sizes of all files in a directory, except metadata. */
const filesIn = async (dir: string) =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(dir)).filter((name) => !name.endsWith(".json")).map(async (name) =>
        [name, (await stat(join(dir, name))).size] as const
      )
    )
  )

describe("koredumpctl get", () => {
  it("fails or starts over if the file shrinks, and never mixes both files", async () => {
    await using large = await largeCore()
    await using proxy = await startProxy(inject("local"), 32 * MiB)
    await using dir = await tempDir()
    const core = await seen(large.pid)
    const run = ctl(proxy, ["get", core.node, core.id], { cwd: dir.path })
    await proxy.held
    await truncate(large.file, 64 * MiB)
    proxy.release()
    const { code, stderr } = await run
    report(`get of a file that shrinks: exit code ${code}`)
    if (code === 0) assert.strictEqual(await sha256File(join(dir.path, core.id)), await sha256File(large.file))
    else {
      assert.isNotEmpty(stderr)
      assert.notProperty(await filesIn(dir.path), core.id)
    }
  })

  it("resumes after a restart of the server, or fails, keeps the part and resumes on the next call", async () => {
    await using large = await largeCore()
    await using first = await startServer("local")
    const stored = await sha256File(large.file)
    await using dir = await tempDir()
    await using proxy = await startProxy(first, 32 * MiB)
    const core = await seen(large.pid)
    const run = ctl(proxy, ["get", core.node, core.id], { cwd: dir.path })
    await proxy.held
    await first.stop("SIGKILL")
    proxy.release()
    await using second = await startServer("local", [], { port: first.port })
    const { code } = await run
    if (code !== 0) {
      const files = await filesIn(dir.path)
      const [, part] = Object.entries(files).find(([name]) => name.startsWith(core.id) && name.endsWith(".part")) ?? []
      assert.isAbove(part ?? 0, 16 * MiB, "keeps the received part")
      assert.notProperty(files, core.id)
      await using counting = await startProxy(second, Number.POSITIVE_INFINITY)
      const again = await ctl(counting, ["get", core.node, core.id], { cwd: dir.path })
      assert.strictEqual(again.code, 0, again.stderr)
      assert.isBelow(counting.passed(), core.size! - part! + MiB, "downloads only the rest")
    }
    assert.strictEqual(await sha256File(join(dir.path, core.id)), stored)
    assert.deepStrictEqual(Object.keys(await filesIn(dir.path)), [core.id], "leaves no part file")
  })
})
