/** A core of 2 GiB: the bytes are the same everywhere, and memory use stays small. */
import { assert, it } from "@effect/vitest"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ctl, memory } from "./support/Ctl.ts"
import { sha256, sha256Decompressed, sha256File, tempDir } from "./support/Files.ts"
import { download, type WireCore } from "./support/Http.ts"
import { coreFile, crash } from "./support/Pipeline.ts"
import { report } from "./support/report.ts"
import { startServer } from "./support/Server.ts"
import { Watch } from "./support/Watch.ts"

const MiB = 1 << 20
const limit = 64 * MiB

it("transfers a core of 2 GiB in constant memory", { timeout: 240_000 }, async () => {
  await using server = await startServer("local")
  await using watch = await Watch.open(server)
  const [small, big] = [await crash("deep"), await crash("big")]
  const core = await watch.core(big, ["present"], 120_000)
  const file = await coreFile(big)
  const [stored, plain] = await Promise.all([sha256File(file), sha256Decompressed(file)])

  /** Measures how much the memory of the server grows. */
  const growth = async (what: string, task: () => Promise<unknown>) => {
    await writeFile(`/proc/${server.pid}/clear_refs`, "5")
    const before = memory(server.pid, "VmRSS")!
    await task()
    const grown = memory(server.pid, "VmHWM")! - before
    report(
      `2 GiB core, ${what}: server memory grows by ${(grown / MiB).toFixed(1)} MiB from ${
        (before / MiB).toFixed(0)
      } MiB`
    )
    assert.isBelow(grown, limit, what)
  }
  // The first download loads code and buffers, which does not depend on the size of the core.
  const first = await watch.core(small)
  for (const query of ["", "decompress=true"]) await sha256(await download(server, first, query))
  await growth("raw download", async () => assert.strictEqual(await sha256(await download(server, core)), stored))
  await growth(
    "?decompress=true",
    async () => assert.strictEqual(await sha256(await download(server, core, "decompress=true")), plain)
  )

  const got = async (from: typeof server | "local", what: WireCore) => {
    await using dir = await tempDir()
    const { code, stderr, peak } = await ctl(from, ["get", "-d", what.node, what.id], { cwd: dir.path })
    assert.strictEqual(code, 0, stderr)
    if (what === core) {
      assert.strictEqual(await sha256File(join(dir.path, core.id)), stored)
      assert.strictEqual(await sha256File(join(dir.path, core.id.replace(".zst", ""))), plain)
    }
    return peak
  }
  for (const from of [server, "local"] as const) {
    const [little, much] = [await got(from, first), await got(from, core)]
    const what = `koredumpctl get -d ${from === "local" ? "--local" : "--server"}`
    report(
      `2 GiB core, ${what}: ${((much - little) / MiB).toFixed(1)} MiB more than for a small core (${
        (little / MiB).toFixed(0)
      } MiB)`
    )
    assert.isBelow(much - little, limit, what)
  }
})
