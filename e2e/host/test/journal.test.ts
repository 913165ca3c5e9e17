/** Journal entries that arrive late or never, or that stay after the file is deleted. */
import { afterAll, afterEach, assert, beforeAll, describe, it } from "@effect/vitest"
import { rm } from "node:fs/promises"
import { inject } from "vitest"
import { ctlOk } from "./support/Ctl.ts"
import { metadata, type WireCore } from "./support/Http.ts"
import { coreFile, crash, pipeline, program } from "./support/Pipeline.ts"
import { verifyBytes, verifyMetadata } from "./support/verify.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

describe("a late entry", () => {
  afterEach(() => pipeline("release"))

  it("makes a core pending, with the information of its file, and then present", async () => {
    await pipeline("hold")
    const pid = await crash("--no-wait", "name-slash")
    const pending = await verifyMetadata(await watch.core(pid, ["pending"]))
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
    await verifyBytes(pending, await coreFile(pid))

    await pipeline("release")
    const present = await verifyMetadata(await watch.core(pid))
    assert.strictEqual(present.id, pending.id)
    assert.strictEqual(present.title, "SIGSEGV in deep3 (a/b c)")
    assert.deepStrictEqual(watch.history(present), ["ADDED pending", "MODIFIED present"])
  })

  it("makes a core missing if its file was deleted before", async () => {
    await pipeline("hold")
    const pid = await crash("--no-wait", "deep")
    await watch.core(pid, ["pending"])
    await rm(await coreFile(pid))
    await watch.find(
      ({ type, object }) => type === "DELETED" && object.COREDUMP_PID === pid,
      "deleted before the entry"
    )
    await pipeline("release")
    const missing = await watch.core(pid, ["missing"])
    assert.strictEqual(missing.title, "SIGSEGV in deep3 (deep)")
  })
})

describe("a lost entry", () => {
  afterEach(() => pipeline("journal", "start"))

  it("leaves the core pending and does not delay others", async () => {
    await pipeline("journal", "stop")
    const lost = await crash("deep")
    const pending = await watch.core(lost, ["pending"])
    await verifyBytes(pending, await coreFile(lost))
    await pipeline("journal", "start")
    // The server follows the journal again, and later entries arrive without delay.
    const others = await Promise.all([crash("deep"), crash("abort"), crash("stripped")])
    for (const pid of others) await watch.core(pid)
    assert.strictEqual((await metadata(inject("local"), pending)).state, "pending")
    await verifyMetadata(pending)
  })
})

it("a deleted file makes a core missing, and DELETED in a watch of stored cores", async () => {
  await using plain = await Watch.open(inject("local"), "")
  const pid = await crash("deep")
  const present = await watch.core(pid)
  await plain.core(pid)
  await rm(await coreFile(pid))
  await watch.core(pid, ["missing"])
  const { object } = await plain.find(({ type, object }) => type === "DELETED" && object.id === present.id, "DELETED")
  assert.strictEqual(object.title, present.title, "the event has the last summary")
  const shown = JSON.parse(await ctlOk("local", ["list", "-o", "json", "--comm", "deep"])) as ReadonlyArray<WireCore>
  assert.strictEqual(shown.find(({ id }) => id === present.id)?.state, "missing", "koredumpctl lists it")
})
