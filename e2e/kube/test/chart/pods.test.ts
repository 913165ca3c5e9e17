/** Privileges of koredump's pods: as few as possible, and enough for all functions. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { chmod, chown, copyFile, readFile, rename, rm } from "node:fs/promises"
import { corePath, metadata, request, type WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, everythingOnNodes, makeUser, namespace } from "../support/Access.ts"
import { findPid, nodePath, nodes } from "../support/Cluster.ts"
import { clusterPods, koreapi, koredump, nodePod } from "../support/Koredump.ts"
import { apply, kube, type Pod, pods } from "../support/Kube.ts"
import { type As, curlStatus, isIdentified, verifyCore } from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const ns = "chart-pods"
let as: As
let watch: Watch
const cores = new Map<string, WireCore>()

beforeAll(async () => {
  as = { url: await koreapi(), token: await makeUser("pods", [everything(), everythingOnNodes]) }
  watch = await Watch.open(as)
  await apply(namespace(ns), ...nodes.map((node) => podObject(ns, node, podSpec([crashing("main")], { node }))))
  for (const node of nodes) {
    const { object } = await watch.find(
      ({ object }) => object["namespace"] === ns && object["pod"] === node && isIdentified(object),
      node,
      30_000
    )
    cores.set(node, object)
  }
})
afterAll(() => watch[Symbol.asyncDispose]())

/** Reads the status of a pod's process from the kernel. */
const readProcess = async (pod: Pod) => {
  const pid = await findPid(pod.spec.nodeName!, pod.status.containerStatuses![0]!.containerID!)
  const [status, mounts] = await Promise.all([
    readFile(`/proc/${pid}/status`, "utf8"),
    readFile(`/proc/${pid}/mountinfo`, "utf8")
  ])
  const field = (name: string) => new RegExp(`^${name}:\\t(.*)$`, "m").exec(status)?.[1]
  return {
    uid: field("Uid")!.split("\t")[0],
    // All capability sets, including those that it could still acquire.
    capabilities: ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(field),
    noNewPrivs: field("NoNewPrivs"),
    seccomp: field("Seccomp"),
    mounts: mounts.trim().split("\n").map((line) => {
      const [, , , , path, options] = line.split(" ")
      return { path: path!, readOnly: options!.split(",").includes("ro") }
    })
  }
}

const none = "0000000000000000"
const unprivileged = { capabilities: [none, none, none, none, none], noNewPrivs: "1", seccomp: "2" }

/** Writable mounts of a pod, except devices, kernel file systems, and files of Kubernetes. */
const writable = (mounts: Awaited<ReturnType<typeof readProcess>>["mounts"]) =>
  mounts.filter(({ path, readOnly }) =>
    !readOnly && !/^\/((dev|proc|sys)(\/|$)|etc\/(hostname|hosts|resolv\.conf)$)/.test(path)
  ).map(({ path }) => path)

describe.each(nodes)("the node agent's pod on %s", (node) => {
  it("is root without capabilities, cannot acquire any, and can write only to its own directories", async () => {
    const { mounts, uid, ...found } = await readProcess(await nodePod(node))
    assert.deepStrictEqual(found, unprivileged)
    assert.strictEqual(uid, "0")
    // The suite enables deletion.
    assert.sameMembers(writable(mounts), ["/var/lib/koredump", "/var/lib/systemd/coredump"])
    for (const path of ["/", "/var/log", "/run/log", "/etc/machine-id"]) {
      assert.isTrue(mounts.find((mount) => mount.path === path)?.readOnly, path)
    }
  })

  it("serves core dumps with fields from the journal and the Kubernetes API", async () => {
    const fields = await verifyCore(as, cores.get(node)!)
    assert.deepInclude(fields, { pod: node, namespace: ns, container: "main", _HOSTNAME: node })
    assert.isNotEmpty(fields.stack?.threads ?? [])
    assert.match(String(fields["MESSAGE"]), /dumped core/)
  })
})

it("the cluster server's pod is not root and has no writable mounts", async () => {
  const [pod] = await pods(koredump, clusterPods)
  const { mounts, uid, ...found } = await readProcess(pod!)
  assert.deepStrictEqual(found, unprivileged)
  assert.strictEqual(uid, "65532")
  assert.deepStrictEqual(writable(mounts), [])
})

const toHostPath = (name: string) => nodePath("node-1", `var/lib/systemd/coredump/${name}`)

it("an unreadable file is listed with the reason and the fix", async () => {
  const core = cores.get("node-1")!
  const id = core.id.replace(/^core\.crash\./, "core.foreign.")
  const file = toHostPath(id)
  // Like systemd-coredump, rename the file when it is complete.
  await copyFile(toHostPath(core.id), toHostPath(".#new"))
  await chown(toHostPath(".#new"), 1000, 1000)
  await chmod(toHostPath(".#new"), 0o600)
  await rename(toHostPath(".#new"), file)
  try {
    const { object } = await watch.find(({ object }) => object.id === id && object.reason !== undefined, id)
    assert.match(object.reason!, /core file is not readable: permission denied \(owner 1000, mode 600\)/)
    assert.match(object.reason!, /capability DAC_READ_SEARCH.*node\.dacReadSearch/)
    assert.strictEqual((await metadata(as, object)).reason, object.reason)
    const answer = await (await request(as, corePath("download", object))).json() as { readonly type: string }
    assert.match(answer.type, /core-unreadable$/)
    // Other cores do not change.
    assert.strictEqual(await curlStatus(as, corePath("download", core), "--head"), 200)
  } finally {
    await rm(file)
  }
})

/** A namespace that enforces a Pod Security level. */
const level = (name: string) => ({
  ...namespace(`${ns}-${name}`),
  metadata: { name: `${ns}-${name}`, labels: { "pod-security.kubernetes.io/enforce": name } }
})

/** The response to a dry run that creates the pod of a workload in a namespace with that level. */
const admitted = async (kind: "daemonsets" | "deployments", name: string, to: string): Promise<string> => {
  const path = `/apis/apps/v1/namespaces/${koredump}/${kind}/${name}`
  const { spec: { template } } = await kube<{
    readonly spec: { readonly template: { readonly spec: Record<string, unknown> } }
  }>("GET", path)
  await apply(level(to), {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: { name: String(template.spec["serviceAccountName"]), namespace: `${ns}-${to}` }
  })
  const pod = { ...template, apiVersion: "v1", kind: "Pod", metadata: { name: "tried" } }
  return kube("POST", `/api/v1/namespaces/${ns}-${to}/pods?dryRun=All`, pod).then(() => "admitted", String)
}

describe("Pod Security", () => {
  it("requires the level privileged for the node agent, because of its host paths", async () => {
    assert.strictEqual(await admitted("daemonsets", "koredump-node", "privileged"), "admitted")
    const rejected = await admitted("daemonsets", "koredump-node", "baseline")
    assert.match(rejected, /violates PodSecurity .*baseline:latest.*hostPath volumes/s)
    // Capabilities and root are not among the reasons.
    assert.notMatch(rejected, /capabilities|privileged \(|runAsUser/)
  })

  it("accepts the level restricted for the cluster server", async () => {
    assert.strictEqual(await admitted("deployments", "koredump-cluster", "restricted"), "admitted")
  })
})
