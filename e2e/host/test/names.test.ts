/** Programs whose names and environments are not plain text. systemd in the C locale escapes a name once more. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import { metadata, request } from "./support/Http.ts"
import { coreFile, crash, program } from "./support/Pipeline.ts"
import { proveBytes, proveMetadata } from "./support/prove.ts"
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
    const core = await proveMetadata(await watch.core(await crash(name)))
    assert.deepInclude(core, { COREDUMP_COMM: comm, COREDUMP_EXE: program(file) })
    await proveBytes(core, await coreFile(core.COREDUMP_PID))
  })
})

describe("environments", () => {
  it("binary bytes come as text", async () => {
    const seen = await watch.core(await crash("environ"))
    const core = await proveMetadata(seen)
    const environ = String(core["COREDUMP_ENVIRON"])
    for (const variable of ["BINARY=", "LINES=one", "EMPTY="]) assert.include(environ, variable)
    const { local } = { local: inject("local") }
    const bytes = await (await request(local, `/apiv1/cores/metadata/${encodeURIComponent(core.id)}`)).bytes()
    new TextDecoder("utf-8", { fatal: true }).decode(bytes)
    assert.isUndefined(seen["COREDUMP_ENVIRON"], "not in a watch")
  })

  it("a large one comes whole", async () => {
    const core = await metadata(inject("local"), await watch.core(await crash("environ-large")))
    assert.include(String(core["COREDUMP_ENVIRON"]), `LARGE=${"0".repeat(6000)}`)
  })
})
