import { assert, describe, it } from "@effect/vitest"
import { FakeCores, layerFakeCoreSource } from "@koredump/core/testing"
import { layerNoAuthorization, layerServe } from "@koredump/server"
import { Context, Deferred, Effect, Layer, References } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

const crashed = { comm: "crashme", time: 1_700_000_000_000_000, content: new TextEncoder().encode("a core") }

/** Starts a server for FakeCores and returns its URL. */
const serve = Effect.fnUntraced(function*(node: string) {
  const address = yield* Deferred.make<string>()
  yield* Layer.build(
    layerServe({
      node,
      listen: { host: "127.0.0.1", port: 0, loopback: true },
      gracePeriod: "1 second",
      onListening: (url) => Effect.asVoid(Deferred.succeed(address, url))
    }).pipe(Layer.provide(layerNoAuthorization))
  )
  return yield* Deferred.await(address)
})

/** Runs an example to its end. The second crash happens when the example has printed its download. */
const run = Effect.fnUntraced(function*(example: string, directory: string) {
  const cores = yield* FakeCores
  yield* cores.put({ ...crashed, pid: 1, fields: { title: "SIGSEGV in first (crashme)" } })
  const url = yield* serve("node-1")
  const crashAgain = yield* Effect.map(
    Effect.context<never>(),
    (context) => () =>
      Effect.runForkWith(context)(cores.put({ ...crashed, pid: 2, fields: { title: "SIGABRT in second (crashme)" } }))
  )
  return yield* Effect.promise(async () => {
    const program = fileURLToPath(new URL(`../examples/${example}.ts`, import.meta.url))
    const child = spawn(process.execPath, ["--conditions=@koredump/source", program, url], {
      cwd: directory,
      stdio: ["ignore", "pipe", "inherit"]
    })
    const lines: Array<string> = []
    createInterface(child.stdout).on("line", (line) => {
      lines.push(line)
      if (line.endsWith(" bytes")) crashAgain()
    })
    const [code] = await once(child, "close") as [number]
    const [file] = await readdir(directory)
    return { code, lines, file, content: await readFile(join(directory, file!), "utf8") }
  })
})

describe("the examples", () => {
  it.live.each(["client-promise", "client-effect"])(
    "%s lists, downloads and watches",
    (example) =>
      Effect.gen(function*() {
        const directory = yield* Effect.acquireRelease(
          Effect.promise(() => mkdtemp(join(tmpdir(), "koredump-example-"))),
          (path) => Effect.promise(() => rm(path, { recursive: true }))
        )
        const { code, content, file, lines } = yield* run(example, directory)
        assert.deepStrictEqual(lines, [
          "1 core dumps SIGSEGV in first (crashme)",
          `${file}: 6 bytes`,
          "ADDED SIGABRT in second (crashme)"
        ])
        assert.strictEqual(content, "a core")
        assert.strictEqual(code, 0)
      }).pipe(Effect.provide([layerFakeCoreSource(), Layer.succeed(References.MinimumLogLevel, "None")]), Effect.scoped)
  )

  it.live("embedded-cluster reads from all reachable nodes", () =>
    Effect.gen(function*() {
      const agent = Effect.fnUntraced(function*(node: string) {
        const context = yield* Layer.build(layerFakeCoreSource())
        return { cores: Context.get(context, FakeCores), url: yield* Effect.provideContext(serve(node), context) }
      })
      const first = yield* agent("node-1")
      const second = yield* agent("node-2")
      yield* first.cores.put({ ...crashed, node: "node-1", fields: { title: "SIGSEGV in first (crashme)" } })
      const crash = second.cores.put({ ...crashed, node: "node-2", fields: { title: "SIGABRT in second (crashme)" } })
      const runFork = Effect.runForkWith(yield* Effect.context<never>())
      const { code, lines } = yield* Effect.promise(async () => {
        const program = fileURLToPath(new URL("../examples/embedded-cluster.ts", import.meta.url))
        const nodes = [`node-1=${first.url}`, `node-2=${second.url}`, "node-3=http://127.0.0.1:1"]
        const child = spawn(process.execPath, ["--conditions=@koredump/source", program, ...nodes], {
          stdio: ["ignore", "pipe", "ignore"]
        })
        const lines: Array<string> = []
        createInterface(child.stdout).on("line", (line) => {
          lines.push(line)
          if (line.endsWith("first (crashme), 6 bytes")) runFork(crash)
        })
        const [code] = await once(child, "close") as [number]
        return { code, lines }
      })
      const printed = lines.filter((line) => line.startsWith("node-"))
      assert.deepStrictEqual(printed.map((line) => line.replace(/(?<=unreachable ).*/, "…")), [
        "node-1 ready ",
        "node-2 ready ",
        "node-3 unreachable …",
        "node-1: SIGSEGV in first (crashme), 6 bytes",
        "node-2: SIGABRT in second (crashme), 6 bytes"
      ])
      assert.strictEqual(code, 0)
    }).pipe(Effect.provideService(References.MinimumLogLevel, "None"), Effect.scoped))
})
