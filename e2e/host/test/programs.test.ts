/** Signals, stack traces, titles and signatures of crashes, and gdb with a core from `get -d`. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { join } from "node:path"
import { inject } from "vitest"
import { ctlOk } from "./support/Ctl.ts"
import { backtrace, tempDir } from "./support/Files.ts"
import type { WireCore } from "./support/Http.ts"
import { coreFile, crash, program } from "./support/Pipeline.ts"
import { verifyBytes, verifyMetadata } from "./support/verify.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

const functions = (core: WireCore, thread = 0) => core.stack?.threads[thread]?.frames.map((frame) => frame.function)

const crashed = async (...args: ReadonlyArray<string>) => {
  const pid = await crash(...args)
  return verifyMetadata(await watch.core(pid))
}

describe("a C program with symbols", () => {
  it("has a title, a stack trace and all metadata", async () => {
    const core = await crashed("deep")
    assert.strictEqual(core.title, "SIGSEGV in deep3 (deep)")
    assert.deepStrictEqual(functions(core)?.slice(0, 4), ["deep3", "deep2", "deep1", "main"])
    assert.deepInclude(core, {
      state: "present",
      compression: "zstd",
      ARCH: process.arch === "arm64" ? "aarch64" : "x86_64",
      COREDUMP_SIGNAL: 11,
      COREDUMP_SIGNAL_NAME: "SIGSEGV",
      COREDUMP_UID: 0,
      COREDUMP_GID: 0,
      COREDUMP_COMM: "deep",
      COREDUMP_EXE: program("deep"),
      COREDUMP_CMDLINE: program("deep"),
      COREDUMP_HOSTNAME: "node-1"
    })
    assert.match(String(core["_BOOT_ID"]), /^[0-9a-f]{32}$/)
    assert.match(String(core["_MACHINE_ID"]), /^[0-9a-f]{32}$/)
    assert.isString(core["COREDUMP_PROC_MAPS"])
    assert.isUndefined(core["namespace"])
    await verifyBytes(core, await coreFile(core.COREDUMP_PID))
  })

  it("produces a core that gdb can open after get -d", async () => {
    const { id, COREDUMP_PID: pid } = await watch.core(await crash("deep"))
    await using dir = await tempDir()
    await ctlOk("local", ["get", "-d", String(pid)], { cwd: dir.path })
    const trace = await backtrace(program("deep"), join(dir.path, id.replace(".zst", "")))
    assert.match(trace, /#0 .*deep3[^]*#1 .*deep2[^]*#2 .*deep1[^]*#3 .*main/)
  })

  it("has the same signature for the same crash only", async () => {
    const [one, two, other] = [await crashed("deep"), await crashed("deep"), await crashed("abort")]
    assert.match(String(one.signature), /^v1-[0-9a-f]{32}$/)
    assert.strictEqual(one.signature, two.signature)
    assert.notStrictEqual(one.signature, other.signature)
  })
})

it("a stripped program has a title and a signature, but no function names", async () => {
  const core = await crashed("stripped")
  assert.strictEqual(core.title, "SIGSEGV in stripped")
  assert.isString(core.signature)
  assert.isUndefined(functions(core)?.[0])
})

it("the crashed thread is first", async () => {
  const core = await crashed("threads")
  assert.strictEqual(core.title, "SIGSEGV in worker_step (threads)")
  assert.lengthOf(core.stack?.threads ?? [], 6)
  assert.deepStrictEqual(functions(core)?.slice(0, 2), ["worker_step", "crashing_worker"])
  assert.notStrictEqual(core.stack?.threads[0]?.tid, core.COREDUMP_PID)
})

it("the title of an abort names the function that called assert", async () => {
  const core = await crashed("abort")
  assert.deepInclude(core, { title: "SIGABRT in check (aborts)", COREDUMP_SIGNAL: 6, COREDUMP_SIGNAL_NAME: "SIGABRT" })
})

it.each([["FPE", 8], ["ILL", 4], ["BUS", 7], ["QUIT", 3], ["TRAP", 5], ["SYS", 31]])(
  "recognizes SIG%s",
  async (name, number) => {
    const core = await watch.core(await crash("signal", name))
    assert.deepInclude(core, { COREDUMP_SIGNAL: number, COREDUMP_SIGNAL_NAME: `SIG${name}` })
    assert.match(String(core.title), new RegExp(`^SIG${name} in `))
  }
)

it("trusts the journal entry for a program of an unprivileged user", async () => {
  const core = await crashed("user", "1000")
  assert.deepInclude(core, { COREDUMP_UID: 1000, COREDUMP_GID: 1000, title: "SIGSEGV in deep3 (deep)" })
  await verifyBytes(core, await coreFile(core.COREDUMP_PID))
})
