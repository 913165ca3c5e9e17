/** Cores that are truncated, not stored, stored in the journal, or compressed in another format. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { rm } from "node:fs/promises"
import { inject } from "vitest"
import { list } from "./support/Http.ts"
import { coreFile, coreFiles, crash, pipeline, recompress } from "./support/Pipeline.ts"
import { verifyBytes, verifyMetadata, verifyMissing } from "./support/verify.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

describe("a core is missing", () => {
  afterEach(() => pipeline("storage", "external"))

  it("with RLIMIT_CORE=0", async () => {
    const pid = await crash("rlimit0")
    const core = await watch.core(pid, ["missing"])
    assert.strictEqual(core.id.split(".")[4], String(pid))
    assert.isUndefined(core.size)
    await verifyMissing(core, /RLIMIT_CORE|limit/i)
  })

  it("with Storage=none", async () => {
    await pipeline("storage", "none")
    const core = await watch.core(await crash("deep"), ["missing"])
    assert.strictEqual(core.title, "SIGSEGV in deep3 (deep)")
    await verifyMissing(core, /Storage=/)
  })

  it("with Storage=journal", async () => {
    await pipeline("storage", "journal")
    const core = await watch.core(await crash("deep"), ["missing"])
    assert.strictEqual(core.title, "SIGSEGV in deep3 (deep)")
    assert.isUndefined(core["COREDUMP"])
    await verifyMissing(core, /Storage=/)
  })

  it("if its file is deleted", async () => {
    const pid = await crash("deep")
    await watch.core(pid)
    await rm(await coreFile(pid))
    await verifyMissing(await watch.core(pid, ["missing"]), /./)
  })
})

it("a core that is cut by a limit is truncated, and its bytes are those of the file", async () => {
  const core = await verifyMetadata(await watch.core(await crash("rlimit-small"), ["truncated"]))
  assert.match(String(core.title), /^SIGSEGV in /)
  await verifyBytes(core, await coreFile(core.COREDUMP_PID))
})

describe("compression", () => {
  afterEach(() => pipeline("compress", "on"))

  it("can be off (Compress=no)", async () => {
    await pipeline("compress", "off")
    const core = await verifyMetadata(await watch.core(await crash("deep")))
    assert.strictEqual(core.compression, "none")
    await verifyBytes(core, await coreFile(core.COREDUMP_PID))
  })

  it.each(["lz4", "xz", "none"] as const)(
    "can change to %s, with another file name than in the journal entry",
    async (compression) => {
      const before = await watch.core(await crash("deep"))
      const stored = await coreFile(before.COREDUMP_PID)
      const file = await recompress(stored, compression)
      await rm(stored)
      await watch.find(({ type, object }) => type === "DELETED" && object.id === before.id, "the old name is deleted")
        .catch(
          () =>
            watch.find(({ object }) => object.id === before.id && object.state === "missing", "the old name is missing")
        )
      const { object: seen } = await watch.find(
        ({ object }) =>
          object.COREDUMP_PID === before.COREDUMP_PID && object.compression === compression &&
          object.state === "present",
        "the new name"
      )
      const core = await verifyMetadata(seen)
      assert.strictEqual(core.title, before.title)
      assert.strictEqual(core.signature, before.signature)
      await verifyBytes(core, file)
      const all = (await list(inject("local"), "state=any")).filter((other) =>
        other.COREDUMP_PID === before.COREDUMP_PID
      )
      assert.deepStrictEqual(all.map(({ id }) => id), [core.id], "one core, not two")
      assert.deepStrictEqual(await coreFiles(before.COREDUMP_PID), [file])
    }
  )
})
