import { assert, beforeAll, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile, spawn } from "node:child_process"
import { copyFile, mkdir, mkdtemp, rm, symlink } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { promisify } from "node:util"
import { content } from "../../../compression/test/content.ts"
import { core, kubeconfig } from "../fixtures.ts"
import { run, startKoredump, startServer } from "../processes.ts"

const exec = promisify(execFile)
const repository = join(import.meta.dirname, "../../../..")

/** Runs `koredump-server local` from the sources, with the sample host. */
const startSampleServer = (root: string) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const main = join(repository, "packages/server/src/main.ts")
      const argv = ["--conditions=@koredump/source", main, "local", "--root", root, "--listen", "127.0.0.1:0"]
      const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "ignore"] })
      for await (const line of createInterface(child.stdout)) {
        const url = /http:\/\/127\.0\.0\.1:\d+/.exec(line)?.[0]
        if (url !== undefined) return { child, url }
      }
      throw new Error("the server did not print its address")
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("koredumpctl as a single file", () => {
  let directory: string
  let executable: string
  let root: string

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "koredump-one-file-"))
    executable = join(directory, "koredumpctl")
    await exec(process.execPath, ["sea/build.ts", "--out", executable], { cwd: join(repository, "packages/cli") })
    await exec("tar", ["-xzf", join(repository, "examples/sample-host/sample-host.tar.gz"), "-C", directory])
    root = join(directory, "sample-host")
    return () => rm(directory, { recursive: true })
  }, 180_000)

  it.live("runs without Node.js", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(["version"], { executable, env: { PATH: "/nonexistent" } })
      assert.deepStrictEqual([code, stderr], [0, ""])
      assert.match(stdout, /^koredumpctl \d/)
    }))

  it.live("lists cores of a host (with its native addon) and of a server", () =>
    Effect.gen(function*() {
      const local = yield* run(["--local", "--root", root, "list", "-o", "json"], { executable })
      assert.strictEqual(local.code, 0, local.stderr)
      assert.notInclude(local.stderr, "extended attributes")
      const cores = JSON.parse(local.stdout) as ReadonlyArray<{ readonly id: string; readonly COREDUMP_COMM: string }>
      assert.includeMembers(cores.map((core) => core.COREDUMP_COMM), ["checkout", "queue-worker", "web server.v1"])
      const { url } = yield* startSampleServer(root)
      const remote = yield* run(["list", "--server", url, "-o", "name"], { executable })
      assert.deepStrictEqual(
        [remote.code, remote.stdout],
        [0, cores.map(({ id }) => `${id}\n`).join("")],
        remote.stderr
      )
    }).pipe(Effect.scoped))

  it.live("decompresses xz with WebAssembly", () =>
    Effect.gen(function*() {
      const host = join(directory, "xz-host")
      const id = "core.prog.0.e36680b3d32e4f4f9899d72d34fe5fb3.1.1638186984000000.xz"
      const fixture = join(repository, "packages/compression/test/fixtures/plain.xz")
      yield* Effect.promise(async () => {
        await mkdir(join(host, "var/lib/systemd/coredump"), { recursive: true })
        await copyFile(fixture, join(host, "var/lib/systemd/coredump", id))
      })
      const { code, stderr, stdout } = yield* run(["--local", "--root", host, "get", "-d", "-o", "-", id], {
        executable
      })
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout, Buffer.from(content).toString())
    }))

  it.live("contains the modules that it loads on demand: YAML and the Kubernetes client", () =>
    Effect.gen(function*() {
      const kubernetes = yield* startServer((_, response) => {
        const answer = { kind: "TokenRequest", status: { token: "short-lived" } }
        response.writeHead(201, { "content-type": "application/json" }).end(JSON.stringify(answer))
      })
      const KUBECONFIG = kubeconfig(directory, {
        current: "c",
        contexts: [{ name: "c", user: "u", namespace: "demo" }],
        users: { u: { token: "user-token" } },
        cluster: { server: kubernetes }
      })
      const { paths, tokens, url } = yield* startKoredump({ token: "short-lived" })
      // kubectl starts plugins by this name.
      const plugin = join(directory, "kubectl-koredump")
      yield* Effect.promise(() => symlink(executable, plugin))
      const { code, stderr, stdout } = yield* run(
        ["list", "-o", "yaml", "--server", url, "--as-service-account", "demo/reader"],
        { executable: plugin, env: { KUBECONFIG } }
      )
      assert.strictEqual(code, 0, stderr)
      assert.include(stdout, `id: ${core().id}`)
      assert.deepStrictEqual(tokens, [undefined, "Bearer short-lived"])
      assert.include(paths[0], "namespace=demo")
    }).pipe(Effect.scoped))
})
