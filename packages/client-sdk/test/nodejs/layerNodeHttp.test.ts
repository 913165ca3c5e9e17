import { assert, describe, it } from "@effect/vitest"
import { CoreSource } from "@koredump/core"
import { Effect, Layer } from "effect"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { json, summary } from "../../../../test-support/coreServer.ts"
import { layerRemoteCoreSource } from "../../src/effect.ts"
import { layerNodeHttp } from "../../src/node.ts"

const layerRemote = (url: string) => layerRemoteCoreSource({ url, retries: 0 }).pipe(Layer.provide(layerNodeHttp(url)))

const list = CoreSource.use((source) => source.list({}))

describe("layerNodeHttp", () => {
  it.live("connects to a Unix socket, and names it if it is unreachable", () =>
    Effect.gen(function*() {
      const directory = yield* Effect.acquireRelease(
        Effect.promise(() => mkdtemp(join(tmpdir(), "koredump-"))),
        (path) => Effect.promise(() => rm(path, { recursive: true }))
      )
      const socket = join(directory, "socket")
      const url = `unix:${socket}`
      assert.strictEqual(
        (yield* Effect.flip(Effect.provide(list, layerRemote(url)))).message,
        `Cannot reach ${url} (ENOENT).`
      )
      yield* Effect.acquireRelease(
        Effect.callback<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((_, response) => json(response, [summary]))
          server.listen(socket, () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const { cores } = yield* Effect.provide(list, layerRemote(url))
      assert.strictEqual(cores.length, 1)
    }).pipe(Effect.scoped))
})
