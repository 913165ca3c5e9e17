import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Agent } from "node:http"
import { connect, type Socket } from "node:net"
import { call, downloadUrl, large, readBody, serve } from "../support/httpServer.ts"

/** Opens a connection and sends this text. */
const openConnection = (url: string, text: string) =>
  Effect.promise(() =>
    new Promise<Socket>((resolve) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text, () => resolve(socket)))
      socket.on("error", () => {})
    })
  )

const awaitClose = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.resume().once("close", () => resume(Effect.void))
  })

// Longer than the timeout of a test.
const gracePeriod = "10 minutes"

describe("shutdown", () => {
  it.live("does not wait for connections without a complete request", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { url } = yield* Scope.provide(serve({ gracePeriod }), scope)
      const agent = new Agent({ keepAlive: true })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      yield* Effect.flatMap(call(`${url}/health`, { agent }), readBody)
      const sockets = [yield* openConnection(url, ""), yield* openConnection(url, "GET /health HTTP/1.1\r\nHost: loc")]
      // A complete request, and half of the next one.
      sockets.push(yield* openConnection(url, "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /hea"))
      yield* Effect.flatMap(call(`${url}/health`), readBody)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.forEach(sockets, awaitClose)
    }))

  it.live("answers the next request on a keep-alive connection, with Connection: close", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { url } = yield* Scope.provide(serve({ gracePeriod }), scope)
      const agents = yield* Effect.forEach([1, 2], () =>
        Effect.acquireRelease(
          Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
          (agent) => Effect.sync(() => agent.destroy())
        ))
      const request = (agent: Agent) => Effect.tap(call(`${url}/health`, { agent }), readBody)
      const before = yield* Effect.forEach(agents, request)
      assert.deepStrictEqual(before.map(({ headers }) => headers.connection), ["keep-alive", "keep-alive"])
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      // In sequence: the second connection must still be open when no request is running.
      for (const agent of agents) {
        const { headers, statusCode } = yield* request(agent)
        assert.deepStrictEqual([statusCode, headers.connection], [200, "close"])
      }
      yield* Fiber.join(closing)
    }))

  it.live("waits for a running download, but not for idle connections", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const served = yield* Scope.provide(serve({ gracePeriod }), scope)
      const silent = yield* openConnection(served.url, "")
      const agent = new Agent({ keepAlive: true })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      const download = yield* call(downloadUrl(served), { agent })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      assert.isTrue((yield* readBody(download))?.equals(large))
      yield* Fiber.join(closing)
      yield* awaitClose(silent)
    }))
})
