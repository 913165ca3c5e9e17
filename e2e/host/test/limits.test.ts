/** A journal that is made to exhaust the memory of the server: texts that V8 stores with two bytes for each character. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { tempDir } from "./support/Files.ts"
import { list, metadata } from "./support/Http.ts"
import { report } from "./support/report.ts"
import { type StartedServer, startServer } from "./support/Server.ts"

const machineId = "7f0c6d3e5b1a4928a6d4c2b0e8f19375"
const bootId = "751c449cf1bc47708e93be6dfdbb55a0"
const firstSecond = Math.floor(Date.now() / 1000) - 86_400
const count = 6000
const largeBytes = 20_000_000
const firstPid = 1000

const encodeField = (name: string, value: string | Buffer): Buffer => {
  const bytes = Buffer.from(value)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(bytes.length))
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")])
}

const largeFields = ["COREDUMP_EXE", "COREDUMP_CMDLINE", "COREDUMP_CWD", "COREDUMP_ROOT", "COREDUMP_SLICE"]

const encodeEntry = (n: number): Buffer => {
  const second = firstSecond + n
  const fields: Readonly<Record<string, string>> = {
    _UID: "0",
    _EXE: "/usr/lib/systemd/systemd-coredump",
    _SYSTEMD_UNIT: "systemd-coredump@1-2-0.service",
    _SYSTEMD_CGROUP: "/system.slice/systemd-coredump@1-2-0.service",
    MESSAGE_ID: "fc2e22bc6ee647b6b90729ab34a250b1",
    COREDUMP_PID: String(firstPid + n),
    COREDUMP_UID: "0",
    COREDUMP_SIGNAL: "11",
    COREDUMP_COMM: "wide",
    COREDUMP_TIMESTAMP: `${second}000000`,
    // Different in each entry: equal texts would be stored only once.
    ...Object.fromEntries(largeFields.map((name) => [name, `/${n}${name}中`.padEnd(4094, "x")]))
  }
  return Buffer.concat([
    Buffer.from(
      `__REALTIME_TIMESTAMP=${second}060000\n__MONOTONIC_TIMESTAMP=${1_000_000 * (n + 1)}\n` +
        `_BOOT_ID=${bootId}\n_MACHINE_ID=${machineId}\n`
    ),
    ...Object.entries(fields).map(([name, value]) => encodeField(name, value)),
    // One entry is larger than everything that koredump reads of an entry.
    ...(n === count - 1 ? [encodeField("COREDUMP_PROC_MAPS", Buffer.alloc(largeBytes, "m"))] : []),
    ...(n === count - 2 ? [encodeField("MESSAGE", Buffer.alloc(largeBytes, "m"))] : []),
    Buffer.from("\n")
  ])
}

/** Creates a host with only a journal. */
const makeHost = async (root: string): Promise<void> => {
  const journal = join(root, "var/log/journal", machineId)
  for (const path of [journal, join(root, "etc"), join(root, "var/lib/systemd/coredump")]) {
    await mkdir(path, { recursive: true })
  }
  await writeFile(join(root, "etc/machine-id"), `${machineId}\n`)
  const writer = spawn("/lib/systemd/systemd-journal-remote", [`--output=${join(journal, "system.journal")}`, "-"], {
    stdio: ["pipe", "ignore", "ignore"]
  })
  const exited = once(writer, "exit")
  for (let n = 0; n < count; n++) if (!writer.stdin.write(encodeEntry(n))) await once(writer.stdin, "drain")
  writer.stdin.end()
  assert.strictEqual((await exited)[0], 0)
}

/** The peak memory of a process and of its children, in MiB. */
const readPeak = async (pid: number): Promise<number> => {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8")
  const pids = [String(pid), ...children.trim().split(" ").filter((child) => child !== "")]
  const peaks = await Promise.all(pids.map(async (pid) => {
    const status = await readFile(`/proc/${pid}/status`, "latin1").catch(() => "")
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) / 1024
  }))
  return peaks.reduce((a, b) => a + b)
}

let dir: Awaited<ReturnType<typeof tempDir>>
beforeAll(async () => {
  dir = await tempDir()
  await makeHost(dir.path)
  assert.include(await readdir(join(dir.path, "var/log/journal", machineId)), "system.journal")
})
afterAll(() => dir[Symbol.asyncDispose]())

/** Waits until the newest entry has been read, and returns what the server shows. */
const look = async (server: StartedServer) => {
  for (;;) {
    const [newest] = await list(server, "state=any&order=desc&limit=1")
    if (newest?.COREDUMP_PID === firstPid + count - 1) break
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const pids = (await list(server, "state=any&fields=COREDUMP_PID")).map(({ COREDUMP_PID }) => COREDUMP_PID)
  const [last] = await list(server, "state=any&order=desc&limit=1")
  const response = await fetch(`${server.url}/apiv1/nodes`)
  const [node] = await response.json() as ReadonlyArray<{ readonly warnings?: ReadonlyArray<string> }>
  return { pids, last: last!, warnings: node!.warnings ?? [] }
}

it(
  "the server keeps its memory limit, says what it leaves out, and starts again in the same way",
  { timeout: 120_000 },
  async () => {
    const results: Array<{ pids: ReadonlyArray<number>; warning: string | undefined }> = []
    for (let start = 0; start < 2; start++) {
      await using server = await startServer("local", ["--root", dir.path, "--memory-limit", "512Mi"])
      const { last, pids, warnings } = await look(server)
      results.push({ pids, warning: warnings.find((text) => text.startsWith("Index full:")) })
      assert.strictEqual(String(last["COREDUMP_EXE"]).length, 1025)
      const whole = await metadata(server, last)
      assert.strictEqual(String(whole["COREDUMP_EXE"]).length, 4094)
      assert.deepStrictEqual(whole["omitted"], ["COREDUMP_PROC_MAPS"])
      const peak = await readPeak(server.pid)
      report(`server and journalctl, ${count} journal entries with large texts: peak ${Math.round(peak)} MiB`)
      assert.isBelow(peak, 300)
    }
    const [first] = results
    const leftOut = count - first!.pids.length
    assert.match(first!.warning ?? "", new RegExp(`^Index full: ${leftOut} cores left out`))
    // The newest ones are kept.
    assert.deepStrictEqual(first!.pids, first!.pids.map((_, i) => firstPid + leftOut + i))
    assert.deepStrictEqual(results[1], first)
  }
)
