/** Compatibility with scripts for the Python koredump: `curl … | jq`, and the old koredumpctl in bash. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { sha256Decompressed, sha256File, tempDir } from "../../../host/test/support/Files.ts"
import { corePath, type WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, makeUser, namespace } from "../support/Access.ts"
import { nodePath } from "../support/Cluster.ts"
import { koreapi } from "../support/Koredump.ts"
import { apply } from "../support/Kube.ts"
import { type As, curl, isIdentified } from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

let as: As
let core: WireCore

beforeAll(async () => {
  // A token for the Kubernetes API, like that of `oc whoami --show-token`.
  as = { url: await koreapi(), token: await makeUser("legacy", [everything()], undefined) }
  await using watch = await Watch.open(as, "namespace=legacy")
  await apply(namespace("legacy"), podObject("legacy", "prog", podSpec([crashing("ctr-prog")], { node: "node-1" })))
  core = (await watch.find(({ object }) => isIdentified(object), "the core")).object
})

const shell = async (script: string): Promise<string> => {
  const env = { ...process.env, token: as.token, server: as.url }
  return (await promisify(execFile)("bash", ["-euo", "pipefail", "-c", script], { env })).stdout.trim()
}

const get = `curl -sS -H "Authorization: Bearer $token"`

describe("curl and jq", () => {
  it("read the keys of the newest core", async () => {
    const text = await shell(`${get} "$server/apiv1/cores?namespace=legacy&pod=prog" | jq '.[-1]'`)
    const fields = JSON.parse(text) as WireCore
    assert.deepInclude(fields, {
      id: core.id,
      node: "node-1",
      ARCH: process.arch === "arm64" ? "aarch64" : "x86_64",
      namespace: "legacy",
      pod: "prog",
      container: "ctr-prog",
      image_name: "koredump.test/crash:1",
      COREDUMP_CMDLINE: "/crash 1 300 /starts/ctr-prog",
      COREDUMP_COMM: "crash",
      COREDUMP_EXE: "/crash",
      COREDUMP_UID: 0,
      COREDUMP_GID: 0,
      COREDUMP_SIGNAL: 11,
      COREDUMP_SIGNAL_NAME: "SIGSEGV",
      COREDUMP_HOSTNAME: "prog",
      _HOSTNAME: "node-1"
    })
    assert.isNumber(fields.COREDUMP_PID)
    assert.match(fields.COREDUMP_TIMESTAMP, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/)
    for (const key of ["_BOOT_ID", "_MACHINE_ID"]) assert.match(String(fields[key]), /^[0-9a-f]{32}$/)
  })

  it("need a token for everything except health", async () => {
    assert.strictEqual(await shell(`curl -sS "$server/health"`), "OK")
    assert.strictEqual(await shell(`curl -sS -o /dev/null -w '%{http_code}' "$server/apiv1/cores"`), "401")
  })
})

describe("the requests of the old koredumpctl", () => {
  it("list all cores with empty filters, oldest first", async () => {
    const times = await shell(`${get} "$server/apiv1/cores?namespace=&pod=" | jq -r '.[].COREDUMP_TIMESTAMP'`)
    const all = times.split("\n")
    assert.isAbove(all.length, 0)
    assert.deepStrictEqual(
      all.map((time) => Date.parse(time)),
      all.map((time) => Date.parse(time)).toSorted((a, b) => a - b)
    )
  })

  it("get metadata, then HEAD, then GET, then decompressed", async () => {
    const file = nodePath("node-1", `var/lib/systemd/coredump/${core.id}`)
    await using dir = await tempDir()
    const [metadata, download] = [corePath("metadata", core), corePath("download", core)]
    assert.strictEqual(await shell(`${get} "$server${metadata}" | jq -r .id`), core.id)
    const head = await curl(as, download, "--head")
    assert.match(head, /^HTTP\/1\.1 200/)
    assert.include(head, `filename=${core.id}`)
    assert.match(head, new RegExp(`^content-length: ${core.size}\r$`, "im"))
    assert.match(head, /^last-modified: .* GMT\r$/im)
    assert.match(head, /^cache-control: no-cache\r$/im)
    await shell(
      `${get} -f "$server${download}" -o ${dir.path}/core && ${get} -f "$server${download}?decompress=true" -o ${dir.path}/plain`
    )
    assert.strictEqual(await sha256File(`${dir.path}/core`), await sha256File(file))
    assert.strictEqual(await sha256File(`${dir.path}/plain`), await sha256Decompressed(file))
    assert.match(await curl(as, `${download}?decompress=true`, "--head"), /^HTTP\/1\.1 200/)
    const range = await curl(as, download, "-r", "0-9", "-D", "-", "-o", "/dev/null")
    assert.match(range, /^HTTP\/1\.1 206/)
    assert.match(range, new RegExp(`content-range: bytes 0-9/${core.size}`, "i"))
  })
})
