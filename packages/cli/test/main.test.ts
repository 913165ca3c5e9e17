import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { core } from "./fixtures.ts"
import { run, startKoredump } from "./processes.ts"

const oldNodejsOption = "--import=data:text/javascript,Object.defineProperty(process.versions,'node',{value:'20.20.2'})"

describe("the program", () => {
  it.live("lists the cores of a server, and never shows the token", () =>
    Effect.gen(function*() {
      const { tokens, url } = yield* startKoredump({ cores: 3 })
      const { code, stderr, stdout } = yield* run(["-v", "list", "-o", "name"], {
        env: { KOREDUMP_SERVER: url, KOREDUMP_TOKEN: "s3cret" }
      })
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout, `${core().id}\n`.repeat(3))
      assert.deepStrictEqual(tokens, ["Bearer s3cret"])
      assert.include(stderr, "/apiv1/cores")
      assert.notInclude(stderr, "s3cret")
    }))

  it.live("shows a partial list, names the unreachable nodes, and exits with 3", () =>
    Effect.gen(function*() {
      const { url } = yield* startKoredump({ headers: { "koredump-unreachable": "node-b, node-c" } })
      assert.deepStrictEqual(yield* run(["list", "-o", "name", "--server", url]), {
        code: 3,
        stdout: `${core().id}\n`,
        stderr: "2 nodes unreachable, cores may be missing: node-b, node-c\n"
      })
    }))

  it.live("prints everything before it exits with 3, however slowly it is read", () =>
    Effect.gen(function*() {
      const { url } = yield* startKoredump({ cores: 20_000, headers: { "koredump-unreachable": "node-b" } })
      const { code, stdout } = yield* run(["list", "-o", "json", "--server", url], { readLate: true })
      assert.strictEqual(code, 3)
      assert.lengthOf(JSON.parse(stdout), 20_000)
    }))

  it.live("exits with 0 when the reader closes the pipe", () =>
    Effect.gen(function*() {
      const { url } = yield* startKoredump({ cores: 20_000 })
      const { code, stderr } = yield* run(["list", "--server", url], { closeEarly: true })
      assert.deepStrictEqual([code, stderr], [0, ""])
    }))

  it.live("names the server that it cannot reach", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(["list", "--server", "http://127.0.0.1:9"])
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /Cannot reach http:\/\/127\.0\.0\.1:9 \(ECONNREFUSED\)\.\n {2}[^\n]+\n$/)
    }))

  it.live.each(["main", "kubectl-koredump"] as const)(
    "%s exits with an error on a Node.js that is too old",
    (program) =>
      Effect.gen(function*() {
        const name = program === "main" ? "koredumpctl" : program
        assert.deepStrictEqual(yield* run(["--version"], { program, env: { NODE_OPTIONS: oldNodejsOption } }), {
          code: 1,
          stdout: "",
          stderr: `${name} requires Node.js 22.19 or newer, but this is Node.js 20.20.2. In a clone, run it with npx.\n`
        })
      })
  )

  it.live("exits with 2 for an unknown option, and prints its version", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* run(["list", "--frobnicate"])).code, 2)
      assert.match((yield* run(["version"])).stdout, /^koredumpctl \d+\.\d+\.\d+\S*\n$/)
      assert.match((yield* run(["--version"])).stdout, /^\d+\.\d+\.\d+\S*\n$/)
    }))
}, 20_000)
