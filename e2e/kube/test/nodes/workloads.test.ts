/** Crashes of real workloads. Curl, `koredumpctl` and the client return the same pod identity and bytes. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { copyFile, rm, writeFile } from "node:fs/promises"
import type { WireCore } from "../../../host/test/support/Http.ts"
import { Watch } from "../../../host/test/support/Watch.ts"
import { everything, makeUser, namespace } from "../support/Access.ts"
import { crashInCgroup, nodePath } from "../support/Cluster.ts"
import { koreapi } from "../support/Koredump.ts"
import { apply, eventually, type Pod, pod, pods, remove } from "../support/Kube.ts"
import { type As, isIdentified, verifyCore, verifyIdentity } from "../support/verify.ts"
import { crashing, cronJob, podObject, podSpec, workload } from "../support/Workloads.ts"

const ns = "workloads"
const nightly = cronJob(ns, "nightly", podSpec([crashing("job")]))
let as: As
let watch: Watch

beforeAll(async () => {
  await apply(namespace(ns), nightly)
  as = { url: await koreapi(), token: await makeUser("workloads", [everything()]) }
  watch = await Watch.open(as)
})
afterAll(async () => {
  await watch[Symbol.asyncDispose]()
  // Its crashes would disturb other test files.
  await remove(nightly)
})

/** Waits for the core of a container with its pod identity. */
const waitForCore = async (pod: RegExp, container: string): Promise<WireCore> => {
  const { object } = await watch.find(
    ({ object, type }) =>
      type !== "DELETED" && object["namespace"] === ns && pod.test(String(object["pod"])) &&
      object["container"] === container && isIdentified(object),
    `${pod} ${container}`,
    80_000
  )
  return object
}

const prove = async (pattern: RegExp, container: string, workload: string | undefined | RegExp): Promise<Pod> => {
  const core = await waitForCore(pattern, container)
  const owner = await pod(ns, String(core["pod"]))
  if (workload instanceof RegExp) assert.match(String(core["workload"]), workload)
  verifyIdentity(core, owner, container, workload instanceof RegExp ? String(core["workload"]) : workload)
  await verifyCore(as, core)
  return owner
}

describe.concurrent("identifies a crash of", { timeout: 90_000 }, () => {
  it("a Deployment's pod", async () => {
    await apply(workload("Deployment", ns, "web", podSpec([crashing("web")], { node: "node-1" })))
    await prove(/^web-/, "web", "Deployment/web")
  })

  it("a StatefulSet's pod", async () => {
    await apply(workload("StatefulSet", ns, "db", podSpec([crashing("db")], { node: "node-2" })))
    await prove(/^db-0$/, "db", "StatefulSet/db")
  })

  it("a CronJob's pod", async () => {
    await prove(/^nightly-/, "job", /^Job\/nightly-\d+$/)
  })

  it("a static pod, whose UID in the cgroup differs from the Kubernetes API", async () => {
    const manifest = nodePath("node-1", "manifests/static.json")
    const object = podObject(ns, "static", podSpec([crashing("main")]))
    // Rename the complete file, because the kubelet reads incomplete files, too.
    await writeFile(`${manifest}.new`, JSON.stringify(object))
    await copyFile(`${manifest}.new`, manifest)
    try {
      await prove(/^static-node-1$/, "main", undefined)
    } finally {
      await Promise.all([rm(manifest), rm(`${manifest}.new`)])
    }
  })

  it("two containers and an init container of one pod", async () => {
    await apply(podObject(
      ns,
      "three",
      podSpec([crashing("one"), crashing("two")], {
        initContainers: [crashing("first", { ends: true })]
      })
    ))
    const owners = [
      await prove(/^three$/, "first", undefined),
      await prove(/^three$/, "one", undefined),
      await prove(/^three$/, "two", undefined)
    ]
    assert.lengthOf(new Set(owners.map(({ metadata }) => metadata.uid)), 1)
  })

  it("each restart of a container", async () => {
    const times = 4
    await apply(podObject(ns, "again", podSpec([crashing("main", { times, millis: 100 })])))
    const ids = await eventually("all restarts", async () => {
      const cores = new Map(
        watch.events.filter(({ object }) => object["pod"] === "again" && isIdentified(object)).map(({ object }) => [
          object.id,
          object
        ])
      )
      return cores.size === times && [...cores.values()]
    }, 80_000)
    const owner = await pod(ns, "again")
    for (const core of ids) verifyIdentity(core, owner, "main", undefined)
    assert.lengthOf(new Set(ids.map(({ container_id }) => container_id)), times)
  })

  it.each([
    ["containerd", "cri-containerd-ID.scope"],
    ["CRI-O with crun", "crio-ID.scope/container"],
    ["Docker", "docker-ID.scope"]
  ])("a process in a cgroup of the systemd driver: %s", async (name, scope) => {
    const pattern = name.toLowerCase().replaceAll(/[^a-z]/g, "")
    await apply(podObject(ns, pattern, podSpec([crashing("main", { times: 0 })], { node: "node-2" })))
    const owner = await eventually(pattern, async () => {
      const found = await pod(ns, pattern)
      return found.status.phase === "Running" && found
    })
    const id = owner.status.containerStatuses![0]!.containerID!.replace("containerd://", "")
    const slice = `kubepods-besteffort-pod${owner.metadata.uid.replaceAll("-", "_")}.slice`
    await crashInCgroup("node-2", `/kubepods.slice/kubepods-besteffort.slice/${slice}/${scope.replace("ID", id)}`)
    const core = await waitForCore(new RegExp(`^${pattern}$`), "main")
    assert.deepInclude(core, {
      node: "node-2",
      namespace: ns,
      pod: pattern,
      pod_uid: owner.metadata.uid,
      container_id: id,
      image_name: "koredump.test/crash:1"
    })
    await verifyCore(as, core)
  })
})

it("reports each crash once, and no crash of another pod", async () => {
  const names = new Set((await pods(ns)).map(({ metadata }) => metadata.name))
  for (const { object } of watch.events.filter(({ object }) => object["namespace"] === ns)) {
    assert.isTrue(names.has(String(object["pod"])) || object["pod"] === "static-node-1", String(object["pod"]))
  }
  const added = watch.events.filter(({ type }) => type === "ADDED").map(({ object }) => object.id)
  assert.strictEqual(new Set(added).size, added.length)
})
