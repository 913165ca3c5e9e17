import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Agent } from "node:http"
import { connect, type Socket } from "node:net"
import { bodyOf, call, downloadUrl, large, serve } from "../served.ts"

/** A connection on which this is sent, and no more. */
const connected = (url: string, text: string) =>
  Effect.promise(() =>
    new Promise<Socket>((resolve) => {
      const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(text, () => resolve(socket)))
      socket.on("error", () => {})
    })
  )

const closed = (socket: Socket) =>
  Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    socket.resume().once("close", () => resume(Effect.void))
  })

// Longer than any test may take: what waits for it fails.
const gracePeriod = "10 minutes"

describe("shutdown", () => {
  it.live("waits for no connection without a request", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { url } = yield* Scope.provide(serve({ gracePeriod }), scope)
      const agent = new Agent({ keepAlive: true })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      yield* Effect.flatMap(call(`${url}/health`, { agent }), bodyOf)
      const sockets = [yield* connected(url, ""), yield* connected(url, "GET /health HTTP/1.1\r\nHost: loc")]
      // Answered, and then there is half of another one.
      sockets.push(yield* connected(url, "GET /health HTTP/1.1\r\nHost: a\r\n\r\nGET /hea"))
      yield* Effect.flatMap(call(`${url}/health`), bodyOf)
      yield* Scope.close(scope, Exit.void)
      yield* Effect.forEach(sockets, closed)
    }))

  it.live("answers what comes on a connection that is kept alive, and tells its client to go", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const { url } = yield* Scope.provide(serve({ gracePeriod }), scope)
      const agents = yield* Effect.forEach([1, 2], () =>
        Effect.acquireRelease(
          Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 1 })),
          (agent) => Effect.sync(() => agent.destroy())
        ))
      const ask = (agent: Agent) => Effect.tap(call(`${url}/health`, { agent }), bodyOf)
      const before = yield* Effect.forEach(agents, ask)
      assert.deepStrictEqual(before.map(({ headers }) => headers.connection), ["keep-alive", "keep-alive"])
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void), { startImmediately: true })
      // One after the other: the second connection is there still though all requests have been answered.
      for (const agent of agents) {
        const { headers, statusCode } = yield* ask(agent)
        assert.deepStrictEqual([statusCode, headers.connection], [200, "close"])
      }
      yield* Fiber.join(closing)
    }))

  it.live("waits for a running download, and no longer", () =>
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const served = yield* Scope.provide(serve({ gracePeriod }), scope)
      const silent = yield* connected(served.url, "")
      const agent = new Agent({ keepAlive: true })
      yield* Effect.addFinalizer(() => Effect.sync(() => agent.destroy()))
      const download = yield* call(downloadUrl(served), { agent })
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow
      assert.isTrue((yield* bodyOf(download))?.equals(large))
      yield* Fiber.join(closing)
      yield* closed(silent)
    }))
})
