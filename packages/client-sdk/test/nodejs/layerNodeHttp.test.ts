import { assert, describe, it, vi } from "@effect/vitest"
import { CoreSource } from "@koredump/core"
import { Effect, Layer } from "effect"
import { once } from "node:events"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { createServer as createTlsServer } from "node:https"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hasOpenssl, makeAuthority } from "../../../../test-support/certificates.ts"
import { json, summary } from "../../../../test-support/coreServer.ts"
import { layerRemoteCoreSource } from "../../src/effect.ts"
import { layerNodeHttp, type NodeHttpOptions } from "../../src/node.ts"

const layerRemote = (url: string) => layerRemoteCoreSource({ url, retries: 0 }).pipe(Layer.provide(layerNodeHttp(url)))

const list = CoreSource.use((source) => source.list({}))

describe("layerNodeHttp", () => {
  it.live.skipIf(!hasOpenssl)(
    "sends nothing to a server that it cannot verify, whatever the environment says (requires openssl)",
    () =>
      Effect.gen(function*() {
        const { ca, certificates: [certificate] } = makeAuthority("own", "IP:127.0.0.1")
        const tokens: Array<string | undefined> = []
        const server = yield* Effect.acquireRelease(
          Effect.promise(async () => {
            const server = createTlsServer(certificate!, (request, response) => {
              tokens.push(request.headers.authorization)
              json(response, [summary])
            }).listen(0, "127.0.0.1")
            await once(server, "listening")
            return server
          }),
          (server) => Effect.sync(() => server.close())
        )
        const { port } = server.address() as AddressInfo
        const url = `https://127.0.0.1:${port}`
        const listWith = (options: NodeHttpOptions) =>
          Effect.provide(
            list,
            layerRemoteCoreSource({ url, token: "s3cret", retries: 0 }).pipe(Layer.provide(layerNodeHttp(url, options)))
          )
        vi.stubEnv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
        yield* Effect.addFinalizer(() => Effect.sync(() => vi.unstubAllEnvs()))
        assert.match((yield* Effect.flip(listWith({}))).message, /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED_CERT/)
        assert.deepStrictEqual(tokens, [])
        assert.lengthOf((yield* listWith({ ca })).cores, 1)
        assert.deepStrictEqual(tokens, ["Bearer s3cret"])
      }).pipe(Effect.scoped)
  )

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
