/** Crashes in cgroups like those that Kubernetes' runtimes make: whose pod it was, told from the cgroup alone. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import { coreFile, crash } from "./support/Pipeline.ts"
import { proveBytes, proveMetadata } from "./support/prove.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

const uid = "0d9c8b7a-1111-4222-8333-444455556666"
const id = "c0ffee".padEnd(64, "0")
const inPod = async (style: string) =>
  proveMetadata(await watch.core(await crash("pod", "--style", style, "--uid", uid, "--id", id, "--host", "web-0")))

describe("pod and container", () => {
  it.each(["containerd", "guaranteed", "containerd-cgroupfs", "crio", "crio-crun", "crio-cgroupfs", "docker"])(
    "%s",
    async (style) => {
      const core = await inPod(style)
      assert.deepInclude(core, { pod_uid: uid, container_id: id, COREDUMP_HOSTNAME: "web-0" })
      assert.include(String(core["COREDUMP_CGROUP"]), id)
    }
  )

  it("the bytes of a pod's core", async () => {
    const core = await inPod("containerd")
    await proveBytes(core, await coreFile(core.COREDUMP_PID))
  })

  it("a runtime's monitor is no container", async () => {
    const core = await inPod("crio-conmon")
    assert.isUndefined(core.pod_uid)
    assert.isUndefined(core.container_id)
  })
})
