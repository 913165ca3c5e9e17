/** SIGINT and SIGTERM end every command soon, whatever it waits for. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { spawnSync } from "node:child_process"
import { constants, openSync, readdirSync } from "node:fs"
import type { ServerResponse } from "node:http"
import { join } from "node:path"
import { core, temporaryDirectory } from "./fixtures.ts"
import { run, startServer } from "./processes.ts"

/** A named pipe without a writer. */
const makePipe = Effect.map(temporaryDirectory, (directory) => {
  const path = join(directory, "pipe")
  assert.strictEqual(spawnSync("mkfifo", [path]).status, 0)
  return path
})

/** Waits for something that another process does. */
const until = (condition: () => boolean) =>
  new Promise<void>((resolve) => {
    const check = setInterval(() => {
      if (!condition()) return
      clearInterval(check)
      resolve()
    }, 10)
  })

/** Waits until a process waits for a writer of the pipe. The test becomes the writer, and writes nothing. */
const hasReader = (path: string) =>
  until(() => {
    try {
      openSync(path, constants.O_WRONLY | constants.O_NONBLOCK)
      return true
    } catch {
      return false
    }
  })

/** A server that does not finish its responses, and the promise of its first request for a path. */
const startSilentServer = Effect.fnUntraced(function*(silentPath: RegExp, start: (response: ServerResponse) => void) {
  const { promise, resolve } = Promise.withResolvers<void>()
  const url = yield* startServer((request, response) => {
    if (silentPath.test(`${request.method} ${request.url}`)) {
      start(response)
      setImmediate(resolve)
      return
    }
    const headers = { etag: "\"a\"", "last-modified": new Date().toUTCString(), "content-length": "1000000" }
    if (request.method === "HEAD") response.writeHead(200, headers).end()
    else response.setHeader("koredump-resource-version", "a-1").end(JSON.stringify([core()]))
  })
  return { url, requested: promise }
})

/** The command was interrupted, within a second. */
const assertInterrupted = ({ code, millis, stderr }: Effect.Success<ReturnType<typeof run>>) => {
  assert.strictEqual(code, 130, stderr)
  assert.isBelow(millis!, 1000)
}

describe("a signal", () => {
  it.live.each(
    [
      { line: "get -1", name: "SIGTERM" },
      { line: "status", name: "SIGINT" }
    ] as const
  )("ends $line while the server does not answer: $name", ({ line, name }) =>
    Effect.gen(function*() {
      const { requested, url } = yield* startSilentServer(/./, () => {})
      assertInterrupted(yield* run([...line.split(" "), "--server", url], { signal: { name, when: requested } }))
    }))

  it.live("ends a watch", () =>
    Effect.gen(function*() {
      const { requested, url } = yield* startSilentServer(/watch/, (response) => response.write("\n"))
      assertInterrupted(
        yield* run(["list", "-w", "--server", url], { signal: { name: "SIGTERM", when: requested } })
      )
    }))

  it.live("ends a download, which keeps the part", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const { requested, url } = yield* startSilentServer(/^GET .*\/download/, (response) => {
        response.writeHead(206, {
          etag: "\"a\"",
          "content-length": "1000000",
          "content-range": "bytes 0-999999/1000000"
        }).write(Buffer.alloc(1000))
      })
      const hasPart = until(() => readdirSync(directory).some((file) => file.endsWith(".part")))
      const result = yield* run(["get", "-1", "-C", directory, "--server", url], {
        signal: { name: "SIGINT", when: Promise.all([requested, hasPart]) }
      })
      assertInterrupted(result)
      assert.match(result.stderr, /Interrupted\. Run the same command again to resume\./)
      assert.match(readdirSync(directory).join(), /^core\.[^,]*\.[0-9a-f]{16}\.part$/)
    }))

  it.live.each(
    [
      { flag: "--kubeconfig", name: "SIGTERM" },
      { flag: "--certificate-authority", name: "SIGINT" }
    ] as const
  )("ends a command that reads a pipe without a writer: $flag, $name", ({ flag, name }) =>
    Effect.gen(function*() {
      const path = yield* makePipe
      const url = yield* startServer((_, response) => response.writeHead(401).end())
      const result = yield* run(["list", "--server", url, flag, path], { signal: { name, when: hasReader(path) } })
      // While another thread waits for the pipe, Node.js cannot exit, so the signal itself ends the process.
      assert.include([130, name], result.code ?? result.signalCode, result.stderr)
      assert.isBelow(result.millis!, 1000)
    }))
}, 30_000)
