/** Programs with special characters in their names and environments. In the C locale, systemd escapes names again. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import { metadata, request } from "./support/Http.ts"
import { coreFile, crash, program } from "./support/Pipeline.ts"
import { verifyBytes, verifyMetadata } from "./support/verify.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

describe("names", () => {
  it.each([
    ["name-space", "web server.v1", "web server.v1"],
    ["name-utf8", "kw\\303\\266rker", "kwörker"],
    ["name-backslash", "\\303\\274ber\\\\x20prog", "über\\x20prog"],
    ["name-slash", "a/b c", "deep"],
    ["name-bytes", "\\001\\377\\\"%#?&+", "deep"]
  ])("%s", async (name, comm, file) => {
    const core = await verifyMetadata(await watch.core(await crash(name)))
    assert.deepInclude(core, { COREDUMP_COMM: comm, COREDUMP_EXE: program(file) })
    await verifyBytes(core, await coreFile(core.COREDUMP_PID))
  })
})

describe("environments", () => {
  it("are valid UTF-8 even with binary values", async () => {
    const seen = await watch.core(await crash("environ"))
    const core = await verifyMetadata(seen)
    const environ = String(core["COREDUMP_ENVIRON"])
    for (const variable of ["BINARY=", "LINES=one", "EMPTY="]) assert.include(environ, variable)
    const { local } = { local: inject("local") }
    const bytes = await (await request(local, `/apiv1/cores/metadata/${encodeURIComponent(core.id)}`)).bytes()
    new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    assert.isUndefined(seen["COREDUMP_ENVIRON"], "the watch must not contain it")
  })

  it("are complete if they are large", async () => {
    const core = await metadata(inject("local"), await watch.core(await crash("environ-large")))
    assert.include(String(core["COREDUMP_ENVIRON"]), `LARGE=${"0".repeat(6000)}`)
  })
})
