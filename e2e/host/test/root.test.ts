/** The sample host of the demo: another root directory (`--root`), with a persistent journal. */
import { afterAll, assert, beforeAll, it } from "@effect/vitest"
import { join } from "node:path"
import { ctlOk } from "./support/Ctl.ts"
import { backtrace, tempDir } from "./support/Files.ts"
import { list, metadata, unversioned, type WireCore } from "./support/Http.ts"
import { run } from "./support/Pipeline.ts"
import { type StartedServer, startServer } from "./support/Server.ts"
import { Watch } from "./support/Watch.ts"

const archive = join(import.meta.dirname, "../../../examples/sample-host/sample-host.tar.gz")

// Oldest first, like in examples/sample-host/README.md.
const expected: Array<ReadonlyArray<unknown>> = [
  ["checkout", "SIGSEGV", 1000, "present", "zstd", "SIGSEGV in deep3 (checkout)"],
  ["queue-worker", "SIGSEGV", 1000, "present", "zstd", "SIGSEGV in worker_step (queue-worker)"],
  ["report", "SIGFPE", 1000, "missing", "zstd", "SIGFPE in divide (report)"],
  ["billing", "SIGABRT", 0, "present", "zstd", "SIGABRT in check (billing)"],
  ["report", "SIGFPE", 0, "present", "lz4", "SIGFPE in divide (report)"],
  ["web server.v1", "SIGSEGV", 0, "present", "zstd", "SIGSEGV in deep3 (web server.v1)"],
  ["checkout", "SIGSEGV", 0, "truncated", "zstd", "SIGSEGV in deep3 (checkout)"],
  ["checkout", "SIGSEGV", 0, "missing", "none", "SIGSEGV in checkout"],
  ["queue-worker", "SIGSEGV", 0, "pending", "zstd", "SIGSEGV in queue-worker"]
]

const table = (cores: ReadonlyArray<WireCore>): Array<ReadonlyArray<unknown>> =>
  cores.map((core) => [
    core["COREDUMP_COMM"],
    core["COREDUMP_SIGNAL_NAME"],
    core["COREDUMP_UID"],
    core.state,
    core.compression,
    core.title
  ])

let dir: Awaited<ReturnType<typeof tempDir>>
let root: string
let server: StartedServer

beforeAll(async () => {
  dir = await tempDir()
  root = join(dir.path, "sample-host")
  await run("tar", ["-xzf", archive, "--xattrs", "--xattrs-include=user.*", "-C", dir.path])
  server = await startServer("local", ["--root", root])
  await using _ready = await Watch.open(server)
})
afterAll(async () => {
  await server[Symbol.asyncDispose]()
  await dir[Symbol.asyncDispose]()
})

it("the server lists all cores of the host", async () => {
  assert.deepStrictEqual(table(await list(server, "state=any")), expected)
  assert.lengthOf(await list(server), expected.length - 2)
})

it("koredumpctl --local --root lists the same cores", async () => {
  const cores = JSON.parse(await ctlOk("local", ["--root", root, "list", "-o", "json"])) as ReadonlyArray<WireCore>
  assert.deepStrictEqual(cores.map(unversioned), (await list(server, "state=any")).map(unversioned))
})

it("a crash in a pod has a pod UID", async () => {
  const [first] = await list(server)
  const core = await metadata(server, first!)
  assert.isString(core.pod_uid)
  assert.strictEqual(core["COREDUMP_HOSTNAME"], "checkout-7d4b9c6f5d-x2k8p")
  assert.strictEqual(core.stack?.threads[0]?.frames[0]?.function, "deep3")
})

it.each([["billing", "check"], ["report", "divide"]])("gdb opens %s", async (name, where) => {
  await using cwd = await tempDir()
  await ctlOk("local", ["--root", root, "get", "-1", "-d", name], { cwd: cwd.path })
  const core = (await list(server)).findLast(({ COREDUMP_COMM }) => COREDUMP_COMM === name)!
  const trace = await backtrace(join(root, "opt/demo/bin", name), join(cwd.path, core.id.replace(/\.(?:zst|lz4)$/, "")))
  assert.include(trace, where)
})
