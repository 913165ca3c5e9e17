/** Crashes in cgroups like those of container runtimes. The pod is identified only by the cgroup. */
import { afterAll, assert, beforeAll, describe, it } from "@effect/vitest"
import { inject } from "vitest"
import { coreFile, crash } from "./support/Pipeline.ts"
import { verifyBytes, verifyMetadata } from "./support/verify.ts"
import { Watch } from "./support/Watch.ts"

let watch: Watch
beforeAll(async () => {
  watch = await Watch.open(inject("local"))
})
afterAll(() => watch[Symbol.asyncDispose]())

const uid = "0d9c8b7a-1111-4222-8333-444455556666"
const id = "c0ffee".padEnd(64, "0")
const inPod = async (style: string) =>
  verifyMetadata(await watch.core(await crash("pod", "--style", style, "--uid", uid, "--id", id, "--host", "web-0")))

describe("pod UID and container ID", () => {
  it.each(["containerd", "guaranteed", "containerd-cgroupfs", "crio", "crio-crun", "crio-cgroupfs", "docker"])(
    "%s",
    async (style) => {
      const core = await inPod(style)
      assert.deepInclude(core, { pod_uid: uid, container_id: id, COREDUMP_HOSTNAME: "web-0" })
      assert.include(String(core["COREDUMP_CGROUP"]), id)
    }
  )

  it("of a pod do not change its bytes", async () => {
    const core = await inPod("containerd")
    await verifyBytes(core, await coreFile(core.COREDUMP_PID))
  })

  it("are not set for the monitor process of a runtime", async () => {
    const core = await inPod("crio-conmon")
    assert.isUndefined(core.pod_uid)
    assert.isUndefined(core.container_id)
  })
})
