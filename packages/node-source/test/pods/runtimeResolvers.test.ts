import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { makeHostPaths } from "../../src/host/HostPaths.ts"
import { bundleResolver, conmonResolver } from "../../src/pods/runtimeResolvers.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const id = "acb62391578595ec849d87d8556369cee7f935f0425097fd5f870df0e8aabd3c"
const podUid = "dde1244b-5bb5-4297-b544-85f3bc0d80bf"
const cgroup = { podUid, containerId: id }

const write = (path: string, content: string) => {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
}

const config = (namespace: string, padding = "") =>
  JSON.stringify({
    padding,
    annotations: {
      "io.kubernetes.cri.sandbox-namespace": namespace,
      "io.kubernetes.cri.sandbox-name": "web-0",
      "io.kubernetes.cri.container-name": "app"
    }
  })

const containerd = "run/containerd/io.containerd.runtime.v2.task/k8s.io"
const crio = "run/containers/storage/overlay-containers"
const found = { namespace: "shop", pod: "web-0", container: "app" }

describe("bundleResolver", () => {
  const cases: ReadonlyArray<readonly [string, (root: string) => void, object]> = [
    ["no files", () => {}, {}],
    [
      "a configuration of containerd",
      (root) => write(join(root, containerd, id, "config.json"), config("shop")),
      found
    ],
    ["a configuration of CRI-O", (root) => write(join(root, crio, id, "userdata/config.json"), config("shop")), found],
    ["a file instead of the directory", (root) => write(join(root, containerd), ""), {}],
    [
      "a file that is too large",
      (root) => write(join(root, containerd, id, "config.json"), config("shop", "x".repeat(3 << 20))),
      {}
    ],
    ["invalid JSON", (root) => write(join(root, containerd, id, "config.json"), "{"), {}],
    ["a symbolic link instead of the file", (root) => {
      write(join(root, "elsewhere/config.json"), config("shop"))
      mkdirSync(join(root, containerd, id), { recursive: true })
      symlinkSync(join(root, "elsewhere/config.json"), join(root, containerd, id, "config.json"))
    }, {}],
    ["a symbolic link instead of the container directory", (root) => {
      write(join(root, "elsewhere/config.json"), config("shop"))
      mkdirSync(join(root, containerd), { recursive: true })
      symlinkSync(join(root, "elsewhere"), join(root, containerd, id))
    }, {}],
    ["a named pipe", (root) => {
      mkdirSync(join(root, containerd, id), { recursive: true })
      execFileSync("mkfifo", [join(root, containerd, id, "config.json")])
    }, {}],
    ["var/run as a symbolic link to run in the same root", (root) => {
      write(join(root, crio, id, "userdata/config.json"), config("shop"))
      mkdirSync(join(root, "var"))
      symlinkSync("../run", join(root, "var/run"))
    }, found]
  ]
  it.live.each(cases)("%s", ([, prepare, expected]) =>
    Effect.gen(function*() {
      const root = yield* temporaryDirectory
      prepare(root)
      assert.deepStrictEqual(yield* bundleResolver(makeHostPaths({ root })).resolve(cgroup), expected)
      assert.deepStrictEqual(yield* bundleResolver(makeHostPaths({ root })).resolve({ podUid }), {})
    }))

  it.live("does not follow a symbolic link out of the root", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const root = join(directory, "host")
      write(join(directory, "elsewhere", id, "config.json"), config("bank"))
      mkdirSync(join(root, dirname(containerd)), { recursive: true })
      symlinkSync(join(directory, "elsewhere"), join(root, containerd))
      assert.deepStrictEqual(yield* bundleResolver(makeHostPaths({ root })).resolve(cgroup), {})
    }))
})

const monitor = (
  proc: string,
  pid: number,
  namespace: string,
  path: string = `/system.slice/crio-conmon-${id}.scope`
) => {
  const args = ["/usr/bin/conmon", "-c", id, "-n", `k8s_app_web-0_${namespace}_${podUid}_3`]
  write(join(proc, String(pid), "cmdline"), `${args.join("\0")}\0`)
  write(join(proc, String(pid), "cgroup"), `0::${path}\n`)
}

describe("conmonResolver", () => {
  const owner = process.getuid!()

  const resolve = (proc: string, runsAs = owner) =>
    Effect.flatMap(conmonResolver({ proc }, runsAs), (resolver) => resolver.resolve(cgroup))

  it.live("finds a container by its monitor, among other processes", () =>
    Effect.gen(function*() {
      const proc = yield* temporaryDirectory
      assert.deepStrictEqual(yield* resolve(join(proc, "not-there")), {})
      write(join(proc, "1/cmdline"), "/sbin/init\0")
      write(join(proc, "2/cmdline"), "")
      mkdirSync(join(proc, "3"))
      write(join(proc, "self/cmdline"), "x")
      monitor(proc, 100, "shop")
      for (let pid = 200; pid < 400; pid++) write(join(proc, `${pid}/cmdline`), "sleep\0")
      assert.deepStrictEqual(yield* resolve(proc), found)
      const resolver = yield* conmonResolver({ proc }, owner)
      assert.deepStrictEqual(yield* resolver.resolve({ podUid: "0".repeat(32), containerId: id }), {})
      assert.deepStrictEqual(yield* resolver.resolve({ podUid }), {})
    }))

  it.live("ignores monitors in pods, of other users, and two monitors of one container", () =>
    Effect.gen(function*() {
      const proc = yield* temporaryDirectory
      monitor(proc, 100, "bank", `/kubepods/pod${podUid}/${id}`)
      assert.deepStrictEqual(yield* resolve(proc), {})
      monitor(proc, 101, "shop")
      assert.deepStrictEqual(yield* resolve(proc), found)
      assert.deepStrictEqual(yield* resolve(proc, owner + 1), {})
      monitor(proc, 102, "bank")
      assert.deepStrictEqual(yield* resolve(proc), {})
    }))

  it.live("reads real processes", () =>
    Effect.gen(function*() {
      assert.include(readFileSync("/proc/self/cmdline", "utf8"), "\0")
      assert.deepStrictEqual(yield* resolve("/proc", 0), {})
    }))
})
