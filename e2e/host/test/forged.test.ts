/** Forged journal entries that claim to be from systemd-coredump. They change nothing. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { once } from "node:events"
import { chmod, copyFile, mkdir } from "node:fs/promises"
import { join } from "node:path"
import { inject } from "vitest"
import { tempDir } from "./support/Files.ts"
import { list, metadata, type WireCore } from "./support/Http.ts"
import { coredumpDir, crash, hostDir, journalEntries, pipeline, program, run } from "./support/Pipeline.ts"
import { verifyMetadata } from "./support/verify.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

const messageId = "fc2e22bc6ee647b6b90729ab34a250b1"

/** Runs crashers/forge with `command` until journald has stored the entry. Returns the entry. */
const forge = async (fields: Readonly<Record<string, string>>, command: ReadonlyArray<string>) => {
  const mark = randomUUID()
  const entry = { MESSAGE_ID: messageId, PRIORITY: "2", E2E_MARK: mark, ...fields }
  const child = spawn(command[0]!, command.slice(1), { stdio: ["pipe", "pipe", "inherit"] })
  try {
    child.stdin.end(
      Object.entries(entry).map(([name, value]) => {
        const length = Buffer.alloc(8)
        length.writeBigUInt64LE(BigInt(Buffer.byteLength(value)))
        return `${name}\n${length.toString("latin1")}${value}\n`
      }).join(""),
      "latin1"
    )
    await once(child.stdout, "data")
    await run("journalctl", ["--sync"])
    const [found] = await journalEntries(`E2E_MARK=${mark}`)
    assert.isDefined(found)
    return found
  } finally {
    child.kill("SIGKILL")
  }
}

/** The fields of a real core that a forger could try to change. */
const makeForgedFields = (core: WireCore) => ({
  MESSAGE:
    `Process ${core.COREDUMP_PID} (bank) of user 0 dumped core.\n\nStack trace of thread 1:\n#0  0x1 lie (lies + 0x1)\n`,
  COREDUMP_PID: String(core.COREDUMP_PID),
  COREDUMP_UID: String(core["COREDUMP_UID"]),
  COREDUMP_GID: "0",
  COREDUMP_SIGNAL: "9",
  COREDUMP_SIGNAL_NAME: "SIGKILL",
  COREDUMP_TIMESTAMP: `${Date.parse(core.COREDUMP_TIMESTAMP)}000`,
  COREDUMP_COMM: "bank",
  COREDUMP_EXE: "/opt/bank",
  COREDUMP_HOSTNAME: "bank-0",
  COREDUMP_CGROUP: "/kubepods.slice/kubepods-podaaaaaaaa_bbbb_4ccc_8ddd_eeeeeeeeeeee.slice/cri-containerd-" +
    `${"f".repeat(64)}.scope`,
  COREDUMP_FILENAME: join(coredumpDir, core.id)
})

const forgers: ReadonlyArray<
  readonly [string, (dir: string) => Promise<ReadonlyArray<string>>, Record<string, string>]
> = [
  [
    "an unprivileged user",
    async () => ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program("forge")],
    {
      _UID: "65534"
    }
  ],
  [
    "the crashed user, from a program called systemd-coredump",
    async (dir) => {
      await chmod(dir, 0o755)
      await mkdir(join(dir, "systemd"), { mode: 0o755 })
      await copyFile(program("forge"), join(dir, "systemd", "systemd-coredump"))
      return ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", join(dir, "systemd", "systemd-coredump")]
    },
    { _UID: "1000" }
  ],
  ["root in a pod", async () => [join(hostDir, "pod-exec.sh"), "--", program("forge")], { _UID: "0" }],
  [
    "root in a pod, from /lib/systemd/systemd-coredump",
    async () => [
      join(hostDir, "pod-exec.sh"),
      "--",
      "unshare",
      "--mount",
      "sh",
      "-c",
      `mount --bind '${program("forge")}' /lib/systemd/systemd-coredump && exec /lib/systemd/systemd-coredump`
    ],
    { _UID: "0", _EXE: "/usr/lib/systemd/systemd-coredump" }
  ]
]

it.each(forgers)("%s cannot change a core", async (_, forger, trustedFields) => {
  await using dir = await tempDir()
  const command = await forger(dir.path)
  const [local, pid] = [inject("local"), await crash("user", "1000")]
  const core = await watch.core(pid)
  const before = await metadata(local, core)

  assert.deepInclude(await forge(makeForgedFields(core), command), trustedFields)
  const made = { ...makeForgedFields(core), COREDUMP_PID: "4000000", COREDUMP_FILENAME: "" }
  await forge(made, command)
  // journald keeps the order, so when the next crash is known, the forged entry was read.
  await watch.core(await crash("deep"))

  assert.deepStrictEqual(await metadata(local, core), before)
  assert.deepStrictEqual(watch.history(core).at(-1), "MODIFIED present")
  const all = await list(local, "state=any")
  assert.isUndefined(all.find((other) => other.COREDUMP_PID === 4_000_000), "no invented crash")
  await verifyMetadata(core)
})

it("a forged entry cannot replace the real entry of a pending core", async () => {
  await pipeline("hold")
  try {
    const pid = await crash("--no-wait", "user", "1000")
    const pending = await watch.core(pid, ["pending"])
    await forge(makeForgedFields(pending), [
      "setpriv",
      "--reuid=1000",
      "--regid=1000",
      "--clear-groups",
      program("forge")
    ])
    await pipeline("release")
    const present = await watch.core(pid)
    assert.strictEqual(present.title, "SIGSEGV in deep3 (deep)")
    assert.deepStrictEqual(watch.history(present), ["ADDED pending", "MODIFIED present"])
    assert.isUndefined(present.pod_uid)
  } finally {
    await pipeline("release")
  }
})
