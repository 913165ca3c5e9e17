import { assert, describe, it } from "@effect/vitest"
import { vi } from "vitest"
import { readXattrs } from "../../src/host/xattrs.ts"

const attributes: Readonly<Record<string, string>> = {
  "user.coredump.pid": "12118",
  "user.coredump.signal": "11",
  "user.coredump.comm": "crashme",
  "user.mime_type": "text/plain"
}

vi.mock("../../src/host/xattrBinding.ts", () => ({
  loadXattrBinding: () => ({
    listAttributesSync: (path: string) => {
      if (path !== "/cores/one") throw new Error("ENOENT")
      return Object.keys(attributes)
    },
    getAttributeSync: (_: string, name: string) => new TextEncoder().encode(attributes[name]!)
  })
}))

describe("readXattrs", () => {
  it("reads the attributes of systemd-coredump that the file has", () => {
    assert.deepStrictEqual(readXattrs("/cores/one"), {
      COREDUMP_PID: 12118,
      COREDUMP_SIGNAL: 11,
      COREDUMP_COMM: "crashme"
    })
  })

  it("is empty if the attributes cannot be read", () => {
    assert.deepStrictEqual(readXattrs("/cores/two"), {})
  })
})
