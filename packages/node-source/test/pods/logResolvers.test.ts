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

/** Waits until the resolver knows something (or nothing any more); what there is at first is told as an update or is there already. */
const known = (resolver: PodResolver["Service"], of: { podUid: string; containerId?: string }, isKnown = true) =>
  Stream.unwrap(resolver.updates).pipe(
    Stream.merge(Stream.tick("20 millis")),
    Stream.mapEffect(() => resolver.resolve(of)),
    Stream.filter((found) => Object.keys(found).length > 0 === isKnown),
    Stream.runHead
  )

describe("containerLogsResolver", () => {
  it.live("knows the containers that are there, and those that come; tells of them once", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      link(directory)
      const resolver = yield* containerLogsResolver(directory)
      yield* known(resolver, cgroup)
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), identity)
      const other = { podUid, containerId: "b".repeat(64) }
      assert.deepStrictEqual(yield* resolver.resolve(other), {})
      const updates = yield* resolver.updates
      link(directory, other.containerId)
      yield* known(resolver, other)
      assert.deepInclude(yield* Stream.runHead(updates), { value: podUid })
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("remembers those that have gone", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = link(directory)
      const resolver = yield* containerLogsResolver(directory)
      yield* known(resolver, cgroup)
      rmSync(path)
      link(directory, "b".repeat(64))
      yield* known(resolver, { podUid, containerId: "b".repeat(64) })
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), identity)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("says nothing where the link is into another pod's logs, or of a process in no container", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const other = { podUid: hash, containerId: "b".repeat(64) }
      writeFileSync(join(directory, "odd"), "")
      link(directory)
      link(directory, other.containerId, "/var/lib/docker/containers/x.log")
      const resolver = yield* containerLogsResolver(directory)
      yield* known(resolver, other)
      assert.deepStrictEqual(yield* resolver.resolve({ podUid: hash, containerId: id }), {})
      assert.deepStrictEqual(yield* resolver.resolve({ podUid }), {})
      assert.deepStrictEqual(yield* resolver.resolve(other), identity)
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("believes neither of two names of one container, also when one has gone", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      link(directory)
      const resolver = yield* containerLogsResolver(directory)
      yield* known(resolver, cgroup)
      const forged = join(directory, `safe-0_bank_app-${id}.log`)
      writeFileSync(forged, "")
      yield* known(resolver, cgroup, false)
      rmSync(forged)
      link(directory, "c".repeat(64))
      yield* known(resolver, { podUid, containerId: "c".repeat(64) })
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), {})
    }).pipe(Effect.provide(NodeServices.layer)))

  it.live("waits for a directory that is not there, and is replaced", () =>
    Effect.gen(function*() {
      const directory = join(yield* temporaryDirectory, "containers")
      const resolver = yield* containerLogsResolver(directory)
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), {})
      mkdirSync(directory)
      link(directory)
      yield* known(resolver, cgroup)
      renameSync(directory, `${directory}.old`)
      mkdirSync(directory)
      link(directory, "b".repeat(64))
      yield* known(resolver, { podUid, containerId: "b".repeat(64) })
    }).pipe(Effect.provide(NodeServices.layer)))
})

describe("podLogsResolver", () => {
  it.live("knows pods, static ones too, and remembers them", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      mkdirSync(join(directory, `shop_web-0_${podUid}`))
      mkdirSync(join(directory, `kube-system_etcd-node-1_${hash}`))
      const resolver = yield* podLogsResolver(directory)
      yield* known(resolver, { podUid: hash })
      yield* known(resolver, cgroup)
      rmSync(join(directory, `shop_web-0_${podUid}`), { recursive: true })
      assert.deepStrictEqual(yield* resolver.resolve(cgroup), { namespace: "shop", pod: "web-0" })
      assert.deepStrictEqual(yield* resolver.resolve({ podUid: hash, containerId: id }), {
        namespace: "kube-system",
        pod: "etcd-node-1"
      })
      assert.deepStrictEqual(yield* resolver.resolve({ podUid: "0".repeat(32) }), {})
      mkdirSync(join(directory, `bank_safe-0_${podUid}`))
      yield* known(resolver, cgroup, false)
    }).pipe(Effect.provide(NodeServices.layer)))
})
