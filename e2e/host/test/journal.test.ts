/** The journal entry comes late, never, or outlives the file. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { rm } from "node:fs/promises"
import { inject } from "vitest"
import { ctlOk } from "./support/Ctl.ts"
import { metadata, type WireCore } from "./support/Http.ts"
import { coreFile, crash, pipeline, program } from "./support/Pipeline.ts"
import { proveBytes, proveMetadata } from "./support/prove.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

describe("an entry that comes late", () => {
  afterEach(() => pipeline("release"))

  it("first pending, with what file name and attributes tell; then present", async () => {
    await pipeline("hold")
    const pid = await crash("--no-wait", "name-slash")
    const pending = await proveMetadata(await watch.core(pid, ["pending"]))
    assert.deepInclude(pending, {
      COREDUMP_COMM: "a/b c",
      COREDUMP_EXE: program("deep"),
      COREDUMP_HOSTNAME: "node-1",
      COREDUMP_SIGNAL: 11,
      COREDUMP_SIGNAL_NAME: "SIGSEGV",
      COREDUMP_UID: 0,
      compression: "zstd"
    })
    assert.isUndefined(pending.stack)
    await proveBytes(pending, await coreFile(pid))

    await pipeline("release")
    const present = await proveMetadata(await watch.core(pid))
    assert.strictEqual(present.id, pending.id)
    assert.strictEqual(present.title, "SIGSEGV in deep3 (a/b c)")
    assert.deepStrictEqual(watch.history(present), ["ADDED pending", "MODIFIED present"])
  })

  it("its file goes before the entry comes", async () => {
    await pipeline("hold")
    const pid = await crash("--no-wait", "deep")
    await watch.core(pid, ["pending"])
    await rm(await coreFile(pid))
    await watch.find(({ type, object }) => type === "DELETED" && object.COREDUMP_PID === pid, "gone, and no entry")
    await pipeline("release")
    const missing = await watch.core(pid, ["missing"])
    assert.strictEqual(missing.title, "SIGSEGV in deep3 (deep)")
  })
})

describe("an entry that never comes", () => {
  afterEach(() => pipeline("journal", "start"))

  it("the core stays listed as pending and delays no other", async () => {
    await pipeline("journal", "stop")
    const lost = await crash("deep")
    const pending = await watch.core(lost, ["pending"])
    await proveBytes(pending, await coreFile(lost))
    await pipeline("journal", "start")
    // The journal is followed again, and those after the lost one are as quick as ever.
    const others = await Promise.all([crash("deep"), crash("abort"), crash("stripped")])
    for (const pid of others) await watch.core(pid)
    assert.strictEqual((await metadata(inject("local"), pending)).state, "pending")
    await proveMetadata(pending)
  })
})

it("the file goes: missing, and DELETED for who watches what can be had", async () => {
  await using plain = await Watch.open(inject("local"), "")
  const pid = await crash("deep")
  const present = await watch.core(pid)
  await plain.core(pid)
  await rm(await coreFile(pid))
  await watch.core(pid, ["missing"])
  const { object } = await plain.find(({ type, object }) => type === "DELETED" && object.id === present.id, "DELETED")
  assert.strictEqual(object.title, present.title, "with the last summary")
  const shown = JSON.parse(await ctlOk("local", ["list", "-o", "json", "--comm", "deep"])) as ReadonlyArray<WireCore>
  assert.strictEqual(shown.find(({ id }) => id === present.id)?.state, "missing", "koredumpctl shows it")
})
