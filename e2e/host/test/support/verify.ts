/**
 * Compares a core in all interfaces of koredump: the REST API of both servers, `@koredump/client`, and `koredumpctl` with a
 * server and with `--local`. All must return the same metadata, and the bytes of the file on disk.
 */
import { assert } from "@effect/vitest"
import { createKoredump } from "@koredump/client"
import { downloadTo } from "@koredump/client/node"
import { readFile, stat } from "node:fs/promises"
import { basename, join } from "node:path"
import { inject } from "vitest"
import { ctl, ctlOk } from "./Ctl.ts"
import { sha256, sha256Decompressed, sha256File, tempDir } from "./Files.ts"
import { download, list, metadata, unversioned, type WireCore } from "./Http.ts"
import type { Server } from "./Server.ts"
import { Watch } from "./Watch.ts"

const heavy = /^(?:COREDUMP_PROC_.*|COREDUMP_OPEN_FDS|COREDUMP_ENVIRON|COREDUMP_PACKAGE_JSON|MESSAGE|stack|crio)$/

/** A core without the fields that lists omit. */
const toSummary = (core: WireCore) =>
  Object.fromEntries(Object.entries(unversioned(core)).filter(([key]) => !heavy.test(key)))

const client = (server: Server) =>
  createKoredump({ url: server.url, ...(server.token === undefined ? {} : { token: server.token }) })

/** Waits until a server reports a core in the same state. */
const waitForState = async (server: Server, core: WireCore): Promise<void> => {
  await using watch = await Watch.open(server)
  await watch.core(core.COREDUMP_PID, [core.state])
}

const jsonList = async (from: Server | "local", core: WireCore): Promise<ReadonlyArray<WireCore>> =>
  JSON.parse(await ctlOk(from, ["list", "-o", "json", "--comm", String(core["COREDUMP_COMM"])])) as ReadonlyArray<
    WireCore
  >

/** Checks that the metadata is the same everywhere, and returns it. */
export const verifyMetadata = async (core: WireCore): Promise<WireCore> => {
  const [local, node] = [inject("local"), inject("node")]
  await using koredump = client(node)
  await Promise.all([waitForState(local, core), waitForState(node, core)])
  const fields = await metadata(local, core)
  assert.deepStrictEqual(unversioned(await metadata(node, core)), unversioned(fields), "node agent")
  assert.deepStrictEqual(
    unversioned(await koredump.metadata(core) as unknown as WireCore),
    unversioned(fields),
    "@koredump/client"
  )
  const summary = toSummary(fields)
  const [listed, byServer, byHost] = await Promise.all([
    list(local, "state=any"),
    jsonList(node, core),
    jsonList("local", core)
  ])
  for (const [what, cores] of Object.entries({ listed, byServer, byHost })) {
    const found = cores.filter(({ id }) => id === core.id)
    assert.lengthOf(found, 1, what)
    assert.deepStrictEqual(unversioned(found[0]!), summary, what)
  }
  return fields
}

/** Checks that the bytes are the same everywhere, stored and decompressed. */
export const verifyBytes = async (core: WireCore, file: string): Promise<void> => {
  const [local, node] = [inject("local"), inject("node")]
  assert.strictEqual(core.id, basename(file))
  assert.strictEqual(core.size, (await stat(file)).size)
  const [stored, plain] = await Promise.all([sha256File(file), sha256Decompressed(file)])
  await using dir = await tempDir()
  for (const server of [local, node]) {
    assert.strictEqual(await sha256(await download(server, core)), stored)
    assert.strictEqual(await sha256(await download(server, core, "decompress=true")), plain)
  }
  await using koredump = client(node)
  const fetched = await koredump.download(core)
  assert.strictEqual(await sha256(fetched.body), stored)
  const target = join(dir.path, "by-client")
  await downloadTo(koredump, core, target)
  assert.strictEqual(await sha256File(target), stored)

  const stem = core.id.replace(/\.(?:zst|lz4|xz)$/, "")
  for (const from of [node, "local"] as const) {
    await using cwd = await tempDir()
    await ctlOk(from, ["get", core.node, core.id, "-d"], { cwd: cwd.path })
    if (core.compression !== "none") assert.strictEqual(await sha256File(join(cwd.path, core.id)), stored)
    assert.strictEqual(await sha256File(join(cwd.path, stem)), plain)
    assert.strictEqual((await stat(join(cwd.path, stem))).mode & 0o777, 0o600)
    const beside = JSON.parse(await readFile(join(cwd.path, `${stem}.json`), "utf8")) as WireCore
    assert.strictEqual(beside.id, core.id)
  }
}

/** Checks that a missing core is reported everywhere: 404 with the reason, exit code 4, listed by `koredumpctl list`. */
export const verifyMissing = async (core: WireCore, reason: RegExp): Promise<void> => {
  const node = inject("node")
  const fields = await verifyMetadata(core)
  assert.match(String(fields.reason), reason)
  assert.isUndefined((await list(node)).find(({ id }) => id === core.id), "lists contain it only with state=any")
  await using watch = await Watch.open(node, "")
  assert.isUndefined(watch.events.find(({ object }) => object.id === core.id), "watches do not contain it")
  await using koredump = client(node)
  const problem = await koredump.download(core).then(() => undefined, (error: unknown) => error)
  assert.include(problem, { _tag: "CoreNotStored", status: 404, type: "https://koredump.dev/problems/core-not-stored" })
  assert.match((problem as { readonly detail: string }).detail, reason)
  const got = await ctl(node, ["get", core.node, core.id])
  assert.strictEqual(got.code, 4, got.stderr)
  assert.match(got.stderr, reason)
}
