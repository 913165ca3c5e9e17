/** Connections with kubectl port-forward and from a pod, with tokens of the kubeconfig or the pod. */
import { assert, beforeAll, describe, it } from "@effect/vitest"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { ctl, ctlOk } from "../../../host/test/support/Ctl.ts"
import { tempDir } from "../../../host/test/support/Files.ts"
import type { WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, makeUser, namespace, people, serviceAccount } from "../support/Access.ts"
import { ctlPod, koreapi, koredump } from "../support/Koredump.ts"
import { apply, eventually, pod, readLog, serving } from "../support/Kube.ts"
import { type As, isIdentified } from "../support/verify.ts"
import { crashing, podObject, podSpec } from "../support/Workloads.ts"

const ns = "reach"
const newest = ["list", "-n", ns, "-o", "json", "-1"]
let as: As
let core: WireCore

beforeAll(async () => {
  as = { url: await koreapi(), token: await makeUser("reach", [everything(ns)]) }
  await using watch = await Watch.open(as, `namespace=${ns}`)
  await apply(namespace(ns), podObject(ns, "prog", podSpec([crashing("main")])))
  core = (await watch.find(({ object }) => isIdentified(object), "the core")).object
})

const forward = () => serving("port-forward", "-n", koredump, "service/koreapi", ":80")

const parseId = (text: string) => (JSON.parse(text) as WireCore).id

describe("through kubectl port-forward", () => {
  it("works with a token", async () => {
    await using server = await forward()
    assert.strictEqual(parseId(await ctlOk({ url: server.url, token: as.token }, newest)), core.id)
  })

  it("works with the token of an exec plugin", async () => {
    await using server = await forward()
    await using dir = await tempDir()
    const [kubeconfig, credential] = [join(dir.path, "config"), join(dir.path, "credential")]
    const apiVersion = "client.authentication.k8s.io/v1"
    await writeFile(credential, JSON.stringify({ apiVersion, kind: "ExecCredential", status: { token: as.token } }))
    await writeFile(
      kubeconfig,
      JSON.stringify({
        apiVersion: "v1",
        kind: "Config",
        clusters: [{ name: "e2e", cluster: { server: "https://127.0.0.1:1" } }],
        users: [{
          name: "e2e",
          user: { exec: { apiVersion, command: "cat", args: [credential], interactiveMode: "Never" } }
        }],
        contexts: [{ name: "e2e", context: { cluster: "e2e", user: "e2e" } }],
        "current-context": "e2e"
      })
    )
    assert.strictEqual(parseId(await ctlOk({ url: server.url }, [...newest, "--kubeconfig", kubeconfig])), core.id)
  })

  it("works with a requested token if the kubeconfig has only a certificate", async () => {
    await using server = await forward()
    const without = await ctl({ url: server.url }, newest)
    assert.strictEqual(without.code, 5, without.stderr)
    assert.match(without.stderr, /--as-service-account/)
    const text = await ctlOk({ url: server.url }, [...newest, "--as-service-account", `${people}/reach`])
    assert.strictEqual(parseId(text), core.id)
  })

  it("does not send the token of a kubeconfig unencrypted over a network", async () => {
    const { code, stderr } = await ctl({ url: as.url }, [...newest, "--as-service-account", `${people}/reach`])
    assert.strictEqual(code, 5, stderr)
    assert.match(stderr, /not encrypted/)
  })
})

it("uses the Service and the token of the pod without options in a pod", async () => {
  const user = "in-cluster"
  await makeUser(user, [everything(ns)])
  const service = new URL(as.url).hostname
  await apply(serviceAccount(people, user), ctlPod({ namespace: people, name: user, account: user, service }, newest))
  await eventually("the pod has ended", async () => {
    const { phase } = (await pod(people, user)).status
    return phase === "Succeeded" || phase === "Failed"
  })
  const log = await readLog(people, user)
  assert.strictEqual((await pod(people, user)).status.phase, "Succeeded", log)
  assert.strictEqual(parseId(log), core.id)
})
