import { assert, describe, it } from "@effect/vitest"
import { decodeXattrs, readXattrs } from "../../src/host/xattrs.ts"

const raw = (attributes: Readonly<Record<string, string | Uint8Array>>) =>
  new Map(
    Object.entries(attributes).map(([name, value]) => [
      `user.coredump.${name}`,
      typeof value === "string" ? new TextEncoder().encode(value) : value
    ])
  )

describe("xattrs", () => {
  it("decodes the attributes that systemd-coredump writes", () => {
    const attributes = raw({
      pid: "12118",
      uid: "0",
      gid: "0",
      signal: "11",
      timestamp: "1795425477000000",
      rlimit: "18446744073709551615",
      hostname: "node-1",
      comm: "kw\\303\\266rker",
      exe: "/opt/demo/bin/kwörker"
    })
    assert.deepStrictEqual(decodeXattrs(attributes), {
      COREDUMP_PID: 12118,
      COREDUMP_UID: 0,
      COREDUMP_GID: 0,
      COREDUMP_SIGNAL: 11,
      COREDUMP_TIMESTAMP: "2026-11-23T09:17:57Z",
      COREDUMP_COMM: "kw\\303\\266rker",
      COREDUMP_EXE: "/opt/demo/bin/kwörker",
      COREDUMP_HOSTNAME: "node-1",
      COREDUMP_RLIMIT: "18446744073709551615"
    })
  })

  it("skips each invalid attribute", () => {
    const attributes = raw({
      pid: "1e5",
      uid: "-1",
      gid: "99999999999999999999",
      signal: "",
      timestamp: "1598546178000000000000",
      comm: "",
      exe: "x".repeat(5000),
      hostname: Uint8Array.of(0xff, 0x00),
      further: "x"
    })
    assert.deepStrictEqual(decodeXattrs(attributes), { COREDUMP_HOSTNAME: "\ufffd\0" })
  })

  it("is empty for files without attributes", () => {
    for (const path of ["/proc/self/status", "/nowhere", "/dev/null"]) assert.deepStrictEqual(readXattrs(path), {})
  })
})
