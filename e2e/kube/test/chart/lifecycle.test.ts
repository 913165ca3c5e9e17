/** Installs and uninstalls koredump with the commands of the docs. */
import { afterAll, assert, describe, it } from "@effect/vitest"
import { execFile } from "node:child_process"
import { join, relative } from "node:path"
import { promisify } from "node:util"
import { inject } from "vitest"
import { ctl } from "../../../host/test/support/Ctl.ts"
import { corePath, list, type WireCore } from "../../../host/test/support/Http.ts"
import { report } from "../../../host/test/support/report.ts"
import { now } from "../../../host/test/support/Watch.ts"
import { makeUser, namespace, people } from "../support/Access.ts"
import { nodePath, nodes } from "../support/Cluster.ts"
import { chart, helm, install, koreapi, koredump } from "../support/Koredump.ts"
import { apply, eventually, pods, runKubectl, serving } from "../support/Kube.ts"
import { objects } from "../support/listObjects.ts"
import { type As, curlStatus, deletePath, isIdentified, listed } from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const [namespaceA, namespaceB] = ["first-a", "first-b"]

// Restore the installation for the other tests.
afterAll(install, 180_000)

/** All objects in koredump's namespace or without namespace that koredump created. */
const added = async (): Promise<ReadonlyArray<string>> => {
  const before = new Set(inject("before"))
  return (await objects()).filter((object) => {
    const [kind, space, name] = object.split("/")
    if (before.has(object)) return false
    if (name!.startsWith(people)) return false
    if (space === "") return name === koredump || kind !== "Namespace"
    return space === koredump || before.has(`Namespace//${space}`)
  })
}

/** Files of koredump on a node, except those of the kubelet and the container runtime. */
const onHost = async (node: string): Promise<ReadonlyArray<string>> => {
  const root = nodePath(node, "")
  const ofPods = ["var/lib/containerd", "var/lib/kubelet", "var/log/pods", "var/log/containers", "run/containerd"]
  const pruned = ofPods.flatMap((path) => ["-path", join(root, path), "-prune", "-o"])
  const found = ["-iname", "*koredump*", "-print"]
  const { stdout } = await promisify(execFile)("find", [root, "-mindepth", "1", ...pruned, ...found])
  return stdout.split("\n").filter(Boolean).map((path) => relative(root, path))
}

describe("uninstalling", { timeout: 120_000 }, () => {
  it("leaves nothing in the cluster but the namespace", async () => {
    assert.isNotEmpty((await added()).filter((object) => object.startsWith("ClusterRole/")))
    await helm("uninstall", koredump, "--wait")
    // Kubernetes creates these in every namespace.
    const left = [
      `ConfigMap/${koredump}/kube-root-ca.crt`,
      `Namespace//${koredump}`,
      `ServiceAccount/${koredump}/default`
    ]
    await eventually("all other objects are deleted", async () => {
      const found = await added()
      if (found.length > left.length) throw new Error(found.join(", "))
      return true
    }, 60_000)
    assert.sameMembers([...await added()], left)
    await runKubectl("delete", "namespace", koredump)
    assert.deepStrictEqual(await added(), [])
  })

  it("leaves nothing on the nodes but the state directory", async () => {
    for (const node of nodes) {
      assert.deepStrictEqual(await onHost(node), ["var/lib/koredump"])
      // As documented. Keep the directory, because it is a mount point of this cluster.
      await promisify(execFile)("find", [nodePath(node, "var/lib/koredump"), "-mindepth", "1", "-delete"])
    }
  })
})

/** Runs a command of an administrator and checks that it prints no warning. */
const runWithoutWarning = async (command: Promise<string | { readonly stdout: string; readonly stderr: string }>) => {
  const output = await command
  const text = typeof output === "string" ? output : output.stdout + output.stderr
  assert.notMatch(text, /warning|error/i)
  if (typeof output !== "string") assert.strictEqual(output.stderr, "")
}

describe("installing", { timeout: 120_000 }, () => {
  let userA: As
  let userB: As

  it("takes less than a minute until koredumpctl lists the first crash, without a warning", async () => {
    const [tokenA, tokenB] = [await makeUser("user-a", []), await makeUser("user-b", [])]
    await apply(namespace(namespaceA), namespace(namespaceB))
    const started = now()
    await runWithoutWarning(helm("install", koredump, chart, "--create-namespace", "--wait"))
    const installed = now() - started
    for (const [space, name] of [[namespaceA, "user-a"], [namespaceB, "user-b"]] as const) {
      const binding = ["create", "rolebinding", "coredumps", "-n", space, "--clusterrole", "koredump-viewer"]
      await runWithoutWarning(runKubectl(...binding, "--serviceaccount", `${people}:${name}`))
    }
    await apply(podObject(namespaceA, "first", podSpec([crashing("main")])))
    await using forward = await serving("port-forward", "-n", koredump, "svc/koreapi", ":80")
    const core = await eventually("the first crash", async () => {
      const { code, stderr, stdout } = await ctl({ url: forward.url, token: tokenA }, ["list", "-o", "json"])
      assert.deepStrictEqual({ code, stderr }, { code: 0, stderr: "" })
      return (JSON.parse(stdout) as ReadonlyArray<WireCore>).find((core) => isIdentified(core))
    }, 60_000)
    const took = now() - started
    assert.deepInclude(core, { namespace: namespaceA, pod: "first", container: "main" })
    report(
      `helm install --wait: ${(installed / 1000).toFixed(1)} s; to the first pod's crash in koredumpctl list: ${
        (took / 1000).toFixed(1)
      } s`
    )
    assert.isBelow(took, 60_000)
    const url = await koreapi()
    userA = { url, token: tokenA }
    userB = { url, token: tokenB }
  })

  it("shows two users with koredump-viewer in different namespaces exactly their own core dumps", async () => {
    await apply(podObject(namespaceB, "second", podSpec([crashing("main")])))
    await eventually("both crashes", async () => {
      const seen = await Promise.all([userA, userB].map((as) => list(as)))
      return seen.every((cores) => cores.length > 0 && cores.every(isIdentified))
    })
    for (const [as, space, name] of [[userA, namespaceA, "first"], [userB, namespaceB, "second"]] as const) {
      const cores = await list(as)
      assert.deepStrictEqual(cores.map((core) => [core["namespace"], core["pod"]]), [[space, name]])
      for (const ids of Object.values(await listed(as, {}))) assert.deepStrictEqual(ids, [cores[0]!.id])
      assert.strictEqual(await curlStatus(as, corePath("download", cores[0]!), "--head"), 403)
    }
  })

  it("deletes nothing by default", async () => {
    const admin = { url: userA.url, token: await makeUser("first-deleter", []) }
    await runKubectl(
      "create",
      "clusterrolebinding",
      `${people}-first-deleter`,
      "--clusterrole=koredump-deleter",
      `--serviceaccount=${people}:first-deleter`
    )
    const { stdout } = await ctl(admin, ["list", "-o", "json", "-n", namespaceA])
    const [core] = JSON.parse(stdout) as ReadonlyArray<WireCore>
    const response = await fetch(new URL(deletePath(core!), admin.url), {
      method: "DELETE",
      headers: { authorization: `Bearer ${admin.token}` }
    })
    assert.match((await response.json() as { readonly type: string }).type, /deletion-disabled$/)
  })

  it("passes helm test", async () => {
    const { stdout } = await helm("test", koredump, "--logs")
    assert.match(stdout, /Phase:\s+Succeeded/)
    assert.match(stdout, /list with a token: status 200, as expected/)
    assert.deepStrictEqual((await pods(koredump)).filter(({ metadata }) => metadata.name.endsWith("-test")), [])
  })

  it("creates only the state directory on the nodes", async () => {
    for (const node of nodes) {
      assert.deepStrictEqual((await onHost(node)).filter((path) => !path.startsWith("var/lib/koredump")), [])
    }
  })

  it("shows all nodes as ready in koredumpctl status", async () => {
    const admin = { url: userA.url, token: await makeUser("first-admin", []) }
    await runKubectl(
      "create",
      "clusterrolebinding",
      `${people}-first-admin`,
      "--clusterrole=koredump-node-viewer",
      `--serviceaccount=${people}:first-admin`
    )
    const { code, stderr, stdout } = await ctl(admin, ["status"])
    assert.strictEqual(code, 0, stderr)
    assert.match(stdout, /Nodes: 2 \(2 ready\)/)
  })
})
