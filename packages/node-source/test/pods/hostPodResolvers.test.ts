import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { chainPodResolvers, type PodIdentity } from "@koredump/core"
import { Effect, Schedule } from "effect"
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { hostPodResolvers } from "../../src/pods/hostPodResolvers.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const id = "acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c"
const podUid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const cgroup = { podUid, containerId: id }

const podLogs = (root: string, name = `shop_web-0_${podUid}`) =>
  mkdirSync(join(root, "var/log/pods", name), { recursive: true })

const containerLog = (root: string, name = `web-0_shop_app-${id}.log`) => {
  mkdirSync(join(root, "var/log/containers"), { recursive: true })
  symlinkSync(`/var/log/pods/shop_web-0_${podUid}/app/0.log`, join(root, "var/log/containers", name))
}

const bundle = (root: string, namespace = "shop") => {
  const directory = join(root, "run/containers/storage/overlay-containers", id, "userdata")
  mkdirSync(directory, { recursive: true })
  const annotations = {
    "io.kubernetes.pod.namespace": namespace,
    "io.kubernetes.pod.name": "web-0",
    "io.kubernetes.pod.uid": podUid,
    "io.kubernetes.container.name": "app",
    "io.kubernetes.cri-o.ImageName": "web:1"
  }
  writeFileSync(join(directory, "config.json"), JSON.stringify({ annotations }))
}

const names = { namespace: "shop", pod: "web-0" }

describe("hostPodResolvers", () => {
  it.live.each<readonly [string, ReadonlyArray<(root: string) => void>, PodIdentity]>([
    ["no files", [], {}],
    ["pod logs", [podLogs], names],
    ["the container log", [containerLog], { ...names, container: "app" }],
    ["all files", [podLogs, containerLog, bundle], { ...names, container: "app", image_name: "web:1" }]
  ])("%s", ([, prepare, expected]) =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      for (const make of prepare) make(root)
      const resolver = chainPodResolvers(yield* hostPodResolvers({ root }))
      const found = yield* resolver.resolve(cgroup).pipe(
        Effect.repeat({
          until: (found) => Object.keys(found).length === Object.keys(expected).length,
          schedule: Schedule.spaced("10 millis")
        })
      )
      assert.deepStrictEqual(found, expected)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("the identity is empty if they contradict each other", () =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      podLogs(root)
      const resolver = chainPodResolvers(yield* hostPodResolvers({ root }))
      const namespace = resolver.resolve(cgroup).pipe(Effect.map((found) => found.namespace))
      yield* Effect.repeat(namespace, { until: (found) => found === "shop", schedule: Schedule.spaced("10 millis") })
      bundle(root, "bank")
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), {})
    }).pipe(Effect.provide(NodeServices.layer)))
})
