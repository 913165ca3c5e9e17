import { assert, describe, it } from "@effect/vitest"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { hostname, tmpdir } from "node:os"
import { join } from "node:path"
import { hostNameAt, makeHostPaths } from "../../src/host/HostPaths.ts"

it("makeHostPaths puts all paths except the kernel setting below the root", () => {
  const paths = makeHostPaths({ root: "/host" })
  assert.deepStrictEqual(
    [paths.coredumpDir, ...paths.journalDirs, paths.machineId, paths.passwd, paths.corePattern],
    [
      "/host/var/lib/systemd/coredump",
      "/host/run/log/journal",
      "/host/var/log/journal",
      "/host/etc/machine-id",
      "/host/etc/passwd",
      "/proc/sys/kernel/core_pattern"
    ]
  )
  assert.isFalse(paths.isThisHost)
  assert.strictEqual(makeHostPaths({ coredumpDir: "/cores" }).coredumpDir, "/cores")
})

describe("hostNameAt", () => {
  it.each([
    ["node-1\n", "node-1"],
    ["node-1.example\n", "node-1.example"],
    ["", hostname()],
    ["two words", hostname()],
    ["a/b", hostname()],
    [undefined, hostname()]
  ])("for /etc/hostname %j", (content, expected) => {
    const root = mkdtempSync(join(tmpdir(), "koredump-root-"))
    try {
      mkdirSync(join(root, "etc"))
      if (content !== undefined) writeFileSync(join(root, "etc/hostname"), content)
      assert.strictEqual(hostNameAt(root), expected)
    } finally {
      rmSync(root, { recursive: true })
    }
  })
})
