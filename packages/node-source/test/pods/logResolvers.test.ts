import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import type { PodResolver } from "@koredump/core"
import { Effect, Stream } from "effect"
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { containerLogsResolver, podLogsResolver } from "../../src/pods/logResolvers.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const id = "acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c"
const podUid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const hash = "7260904bbd08e72e4dff95d9fccd2ee8"
const cgroup = { podUid, containerId: id }
const identity = { namespace: "shop", pod: "web-0", container: "app" }

const link = (directory: string, container = id, target = `/var/log/pods/shop_web-0_${podUid}/app/0.log`) => {
  const path = join(directory, `web-0_shop_app-${container}.log`)
  symlinkSync(target, path)
  return path
}

/** Waits until the identity is known (or empty). Also polls, because names that exist at first may cause no update. */
const waitForIdentity = (
  resolver: PodResolver["Service"],
  cgroup: { podUid: string; containerId?: string },
  isKnown = true
) =>
  Stream.unwrap(resolver.updates).pipe(
    Stream.merge(Stream.tick("20 millis")),
    Stream.mapEffect(() => resolver.resolve(cgroup)),
    Stream.filter((found) => Object.keys(found).length > 0 === isKnown),
    Stream.runHead
  )

describe("containerLogsResolver", () => {
  it.live("finds present and new containers, and sends an update", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      link(directory)
      const resolver = yield* containerLogsResolver(directory)
      yield* waitForIdentity(resolver, cgroup)
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), identity)
      const other = { podUid, containerId: "b".repeat(64) }
      assert.deepStrictEqual(yield* resolver.resolve(other), {})
      const updates = yield* resolver.updates
      link(directory, other.containerId)
      yield* waitForIdentity(resolver, other)
      assert.deepInclude(yield* Stream.runHead(updates), { value: podUid })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("keeps removed containers", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = link(directory)
      const resolver = yield* containerLogsResolver(directory)
      yield* waitForIdentity(resolver, cgroup)
      rmSync(path)
      link(directory, "b".repeat(64))
      yield* waitForIdentity(resolver, { podUid, containerId: "b".repeat(64) })
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), identity)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("is empty if the link leads to the logs of another pod, or the process is not in a container", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const other = { podUid: hash, containerId: "b".repeat(64) }
      writeFileSync(join(directory, "invalid"), "")
      link(directory)
      link(directory, other.containerId, "/var/lib/docker/containers/x.log")
      const resolver = yield* containerLogsResolver(directory)
      yield* waitForIdentity(resolver, other)
      assert.deepStrictEqual(yield* resolver.resolve({ podUid: hash, containerId: id }), {})
      assert.deepStrictEqual(yield* resolver.resolve({ podUid }), {})
      assert.deepStrictEqual(yield* resolver.resolve(other), identity)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("is empty if a container has two different names, also after one is removed", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      link(directory)
      const resolver = yield* containerLogsResolver(directory)
      yield* waitForIdentity(resolver, cgroup)
      const forged = join(directory, `safe-0_bank_app-${id}.log`)
      writeFileSync(forged, "")
      yield* waitForIdentity(resolver, cgroup, false)
      rmSync(forged)
      link(directory, "c".repeat(64))
      yield* waitForIdentity(resolver, { podUid, containerId: "c".repeat(64) })
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), {})
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("waits for a directory that does not exist yet, or is replaced", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporaryDirectory, "containers")
      const resolver = yield* containerLogsResolver(directory)
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), {})
      mkdirSync(directory)
      link(directory)
      yield* waitForIdentity(resolver, cgroup)
      renameSync(directory, `${directory}.old`)
      mkdirSync(directory)
      link(directory, "b".repeat(64))
      yield* waitForIdentity(resolver, { podUid, containerId: "b".repeat(64) })
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("podLogsResolver", () => {
  it.live("finds pods, including static pods, and keeps removed ones", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      mkdirSync(join(directory, `shop_web-0_${podUid}`))
      mkdirSync(join(directory, `kube-system_etcd-node-1_${hash}`))
      const resolver = yield* podLogsResolver(directory)
      yield* waitForIdentity(resolver, { podUid: hash })
      yield* waitForIdentity(resolver, cgroup)
      rmSync(join(directory, `shop_web-0_${podUid}`), { recursive: true })
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), { namespace: "shop", pod: "web-0" })
      assert.deepStrictEqual(yield* resolver.resolve({ podUid: hash, containerId: id }), {
        namespace: "kube-system",
        pod: "etcd-node-1"
      })
      assert.deepStrictEqual(yield* resolver.resolve({ podUid: "0".repeat(32) }), {})
      mkdirSync(join(directory, `bank_safe-0_${podUid}`))
      yield* waitForIdentity(resolver, cgroup, false)
    }).pipe(Effect.provide(NodeServices.layer)))
})
