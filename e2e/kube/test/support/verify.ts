/** Compares what a user sees of a core with curl, `@koredump/client` and `koredumpctl`. */
import { assert } from "@effect/vitest"
import { createKoredump } from "@koredump/client"
import { downloadTo } from "@koredump/client/node"
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { ctl, ctlOk } from "../../../host/test/support/Ctl.ts"
import { sha256Decompressed, sha256File, tempDir } from "../../../host/test/support/Files.ts"
import { corePath, unversioned, type WireCore } from "../../../host/test/support/Http.ts"
import type { Server } from "../../../host/test/support/Server.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { nodePath } from "./Cluster.ts"
import type { Pod } from "./Kube.ts"

/** A server and a token for it. */
export interface As extends Server {
  readonly token: string
}

/** Runs curl with the token of the user and returns its stdout. */
export const curl = async (as: Server, path: string, ...args: ReadonlyArray<string>): Promise<string> => {
  const header = as.token === undefined ? [] : ["-H", `Authorization: Bearer ${as.token}`]
  const all = ["-sS", ...header, ...args, new URL(path, as.url).href]
  return (await promisify(execFile)("curl", all, { maxBuffer: 1 << 26 })).stdout
}

/** The HTTP status of a request with curl. */
export const curlStatus = async (as: Server, path: string, ...args: ReadonlyArray<string>): Promise<number> =>
  Number(await curl(as, path, "-o", "/dev/null", "-w", "%{http_code}", ...args))

/** A client of `@koredump/client`. */
export const client = (as: As) => createKoredump({ url: as.url, token: as.token })

const parseIds = (text: string) => (JSON.parse(text) as ReadonlyArray<WireCore>).map(({ id }) => id)

/** The IDs of a list, by each of the three. */
export const listed = async (as: As, query: Readonly<Record<string, string>>) => {
  const params = String(new URLSearchParams(query))
  const flags = Object.entries(query).flatMap(([name, value]) => [`--${name}`, value])
  await using koredump = client(as)
  const [byCurl, byCtl, byClient, watch] = await Promise.all([
    curl(as, `/apiv1/cores?${params}`),
    ctlOk(as, ["list", "-o", "json", "--state", "present", ...flags]),
    koredump.list(query),
    Watch.open(as, params)
  ])
  await watch[Symbol.asyncDispose]()
  return {
    curl: parseIds(byCurl),
    koredumpctl: parseIds(byCtl),
    client: byClient.cores.map(({ id }): string => id),
    watch: watch.events.flatMap(({ object, type }) => type === "ADDED" ? [object.id] : [])
  }
}

/** Checks that all three return the same metadata and the bytes of the file on the node. */
export const verifyCore = async (as: As, core: WireCore): Promise<WireCore> => {
  await using koredump = client(as)
  await using dir = await tempDir()
  const metadata = JSON.parse(await curl(as, corePath("metadata", core))) as WireCore
  const byClient = await koredump.metadata(core) as unknown as WireCore
  assert.deepStrictEqual(unversioned(byClient), unversioned(metadata), "@koredump/client")
  for (const [key, value] of Object.entries(unversioned(core))) {
    assert.deepStrictEqual(metadata[key], value, `${key} in metadata and watch`)
  }

  const file = nodePath(core.node, `var/lib/systemd/coredump/${core.id}`)
  const [stored, plain] = await Promise.all([sha256File(file), sha256Decompressed(file)])
  const path = corePath("download", core)
  await curl(as, path, "--fail", "-o", join(dir.path, "by-curl"))
  await curl(as, `${path}?decompress=true`, "--fail", "-o", join(dir.path, "decompressed"))
  await downloadTo(koredump, core, join(dir.path, "by-client"))
  await ctlOk(as, ["get", core.node, core.id], { cwd: dir.path })
  for (const name of ["by-curl", "by-client", core.id]) {
    assert.strictEqual(await sha256File(join(dir.path, name)), stored, name)
  }
  assert.strictEqual(await sha256File(join(dir.path, "decompressed")), plain)
  return metadata
}

/** Checks that a core is hidden from the user everywhere. */
export const verifyHidden = async (as: As, core: WireCore): Promise<void> => {
  await using koredump = client(as)
  await using dir = await tempDir()
  const answers = await Promise.all([
    curl(as, corePath("metadata", core)),
    curl(as, corePath("download", core)),
    curl(as, deletePath(core), "-X", "DELETE")
  ])
  for (const answer of answers) {
    const problem = JSON.parse(answer) as { readonly type: string }
    assert.strictEqual(problem.type, "https://koredump.dev/problems/core-not-found", answer)
  }
  assert.strictEqual(await curlStatus(as, corePath("download", core), "--head"), 404)
  for (const attempt of [koredump.metadata, koredump.download, koredump.delete]) {
    const failure = await attempt(core).then(() => undefined, (error: unknown) => error)
    assert.include(failure, { _tag: "CoreNotFound" })
  }
  for (const verb of [["info"], ["get"], ["delete", "--yes"]]) {
    const { code, stderr } = await ctl(as, [...verb, core.node, core.id], { cwd: dir.path })
    assert.strictEqual(code, 4, `koredumpctl ${verb.join(" ")}: ${stderr}`)
  }
}

/** The path that deletes a core. */
export const deletePath = (core: Pick<WireCore, "node" | "id">): string =>
  `/apiv1/cores/delete/${encodeURIComponent(core.node)}/${encodeURIComponent(core.id)}`

const identityFields = ["namespace", "pod", "pod_uid", "container", "container_id", "image_name", "image_id"]

/** Whether the pod identity of a core is complete. */
export const isIdentified = (core: WireCore): boolean =>
  core.state === "present" && identityFields.every((key) => key in core) && /^[0-9a-f-]{36}$/.test(core.pod_uid ?? "")

/** Checks that a core belongs to this container of this pod, and to the restart that its cgroup names. */
export const verifyIdentity = (core: WireCore, pod: Pod, container: string, workload: string | undefined): void => {
  const { metadata: { name, namespace, uid }, spec, status } = pod
  const statuses = [...(status.containerStatuses ?? []), ...(status.initContainerStatuses ?? [])]
  assert.deepInclude(core, {
    node: spec.nodeName!,
    namespace,
    pod: name,
    pod_uid: uid,
    container,
    image_name: "koredump.test/crash:1",
    image_id: statuses.find((status) => status.name === container)!.imageID,
    COREDUMP_HOSTNAME: name
  })
  assert.strictEqual(core["workload"], workload)
  assert.strictEqual(core.container_id, String(core["COREDUMP_CGROUP"]).split("/").at(-1))
}
