import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawn } from "node:child_process"
import { createServer } from "node:http"
import { text } from "node:stream/consumers"
import { core } from "./fixtures.ts"

const main = new URL("../src/main.ts", import.meta.url).pathname

/** The program as a process of its own; `lines` closes its stdout after so many chunks. */
const run = (
  argv: ReadonlyArray<string>,
  options: { readonly env?: Record<string, string>; readonly closeEarly?: boolean } = {}
) =>
  Effect.promise(async () => {
    const child = spawn(process.execPath, ["--conditions=@koredump/source", main, ...argv], {
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    if (options.closeEarly === true) child.stdout.once("data", () => child.stdout.destroy())
    const stderr = text(child.stderr)
    const stdout = options.closeEarly === true ? Promise.resolve("") : text(child.stdout)
    const code = await new Promise<number | null>((resolve) => child.once("close", resolve))
    return { code, stdout: await stdout, stderr: await stderr }
  })

/** A server that has one list, and remembers the tokens that it was sent. */
const serving = (cores: number) =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const tokens: Array<string | undefined> = []
      const body = JSON.stringify(Array.from({ length: cores }, () => core()))
      const server = createServer((request, response) => {
        tokens.push(request.headers.authorization)
        response.setHeader("content-type", "application/json")
        response.setHeader("koredump-resource-version", "a-1")
        response.end(body)
      })
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
      const { port } = server.address() as { readonly port: number }
      return { server, tokens, url: `http://127.0.0.1:${port}` }
    }),
    ({ server }) =>
      Effect.sync(() => server.closeAllConnections()).pipe(Effect.andThen(Effect.sync(() => server.close())))
  )

describe("the program", () => {
  it.live("lists what a server has, and never shows the token", () =>
    Effect.gen(function*() {
      const { tokens, url } = yield* serving(3)
      const { code, stderr, stdout } = yield* run(["-v", "list", "-o", "name"], {
        env: { KOREDUMP_SERVER: url, KOREDUMP_TOKEN: "s3cret" }
      })
      assert.strictEqual(code, 0, stderr)
      assert.strictEqual(stdout, `${core().id}\n`.repeat(3))
      assert.deepStrictEqual(tokens, ["Bearer s3cret"])
      assert.include(stderr, "/apiv1/cores")
      assert.notInclude(stderr, "s3cret")
    }))

  it.live("ends quietly when nobody reads on", () =>
    Effect.gen(function*() {
      const { url } = yield* serving(20_000)
      const { code, stderr } = yield* run(["list", "--server", url], { closeEarly: true })
      assert.deepStrictEqual([code, stderr], [0, ""])
    }))

  it.live("says which server it tried", () =>
    Effect.gen(function*() {
      const { code, stderr, stdout } = yield* run(["list", "--server", "http://127.0.0.1:9"])
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /Cannot reach http:\/\/127\.0\.0\.1:9 \(ECONNREFUSED\)\.\n {2}[^\n]+\n$/)
    }))

  it.live("exits with 2 for what it does not know, and prints its version", () =>
    Effect.gen(function*() {
      assert.strictEqual((yield* run(["list", "--frobnicate"])).code, 2)
      assert.match((yield* run(["version"])).stdout, /^koredumpctl \d+\.\d+\.\d+\S*\n$/)
      assert.match((yield* run(["--version"])).stdout, /^\d+\.\d+\.\d+\S*\n$/)
    }))
}, 20_000)
