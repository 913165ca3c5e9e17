import { assert, describe, it } from "@effect/vitest"
import { Authenticator, layerAllowAll } from "@koredump/core"
import { Effect, Exit, Fiber, Layer, Redacted, Scope } from "effect"
import { HttpServerRequest } from "effect/http"
import { TestClock } from "effect/testing"
import { once } from "node:events"
import { connect } from "node:net"
import { Admission } from "../../src/admission/Admission.ts"
import { layerTokenAuthorization } from "../../src/index.ts"
import { call, readBody, serve, type Served, type Settings } from "../support/httpServer.ts"

const MiB = 1024 * 1024

/** Memory for two metadata requests, one for each caller; five pages, two for each; one list. */
const memoryLimit = 320 * MiB
const settings = { memoryLimit, callerShare: 0.5, maxDownloads: 2, maxWatches: 4 }
const request = HttpServerRequest.fromWeb(new Request("http://koredump.test/"))

/** Admits a request that runs until its scope is closed. */
const admit = (kind: Parameters<Admission["Service"]["admit"]>[0], caller: string, weight?: number) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const admitted = yield* Effect.forkChild(
      Admission.use((admission) => admission.admit(kind, caller, weight)).pipe(
        Scope.provide(scope),
        Effect.provideService(HttpServerRequest.HttpServerRequest, request)
      ),
      { startImmediately: true }
    )
    return {
      isAdmitted: Effect.sync(() => admitted.pollUnsafe() !== undefined),
      result: Fiber.await(admitted),
      problem: Effect.orDie(Effect.flip(Fiber.join(admitted))),
      end: Scope.close(scope, Exit.void)
    }
  })

const check = <E>(effect: Effect.Effect<void, E, Admission>, limits = settings) =>
  Effect.provide(effect, Admission.layer(limits))

describe("Admission", () => {
  it.effect("lets a caller's request wait until an earlier one has ended, and others go on", () =>
    check(Effect.gen(function*() {
      const first = yield* admit("metadata", "ann")
      const second = yield* admit("metadata", "ann")
      const other = yield* admit("metadata", "bob")
      assert.deepStrictEqual(
        [yield* first.isAdmitted, yield* second.isAdmitted, yield* other.isAdmitted],
        [true, false, true]
      )
      yield* first.end
      assert.isTrue(Exit.isSuccess(yield* second.result))
    })))

  it.effect("answers 429 to a request that has waited for others of its caller for 10 seconds, and 503 if it waited for all", () =>
    check(Effect.gen(function*() {
      yield* admit("metadata", "ann")
      const waiting = yield* admit("metadata", "ann")
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* waiting.problem)._tag, "TooManyRequests")
      yield* admit("metadata", "bob")
      const other = yield* admit("metadata", "eve")
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* other.problem)._tag, "ServerBusy")
    })))

  it.effect("answers 429 after a second if too many requests of the caller wait", () =>
    check(Effect.gen(function*() {
      for (let i = 0; i < 65; i++) yield* admit("metadata", "ann")
      const rejected = yield* admit("metadata", "ann")
      assert.isFalse(yield* rejected.isAdmitted)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* rejected.problem)._tag, "TooManyRequests")
    })))

  it.effect("rejects streams above a limit almost at once", () =>
    check(Effect.gen(function*() {
      for (const caller of ["ann", "bob"]) yield* admit("download", caller)
      const other = yield* admit("download", "eve")
      yield* TestClock.adjust("500 millis")
      assert.deepInclude(yield* other.problem, {
        _tag: "TooManyDownloads",
        detail: "The limit of 2 concurrent downloads is reached. Retry later."
      })
      for (let i = 0; i < 2; i++) yield* admit("watch", "ann")
      const own = yield* admit("watch", "ann")
      yield* TestClock.adjust("500 millis")
      assert.deepInclude(yield* own.problem, {
        _tag: "TooManyWatches",
        detail: "You have reached the limit of 2 concurrent watches for one caller. Retry later."
      })
    })))

  it.effect("a request with a weight uses a part of the limit", () =>
    check(Effect.gen(function*() {
      const heavy = yield* admit("download", "ann", 3)
      assert.isTrue(yield* heavy.isAdmitted)
      const other = yield* admit("download", "bob")
      yield* TestClock.adjust("500 millis")
      assert.strictEqual((yield* other.problem)._tag, "TooManyDownloads")
      yield* heavy.end
      assert.isTrue(yield* (yield* admit("download", "bob")).isAdmitted)
    })))

  it.effect("makes several downloads of one caller pause while others are active", () =>
    check(
      Effect.gen(function*() {
        const { charge } = yield* Admission
        for (let i = 0; i < 2; i++) yield* admit("download", "ann")
        assert.strictEqual(charge("ann", 1), 0)
        // Bob's only download does not pause, and from now on Ann's do.
        assert.strictEqual(charge("bob", 1), 0)
        assert.isAbove(charge("ann", 1), 0)
        assert.strictEqual(charge("bob", 1), 0)
      }),
      { ...settings, maxDownloads: 4 }
    ))

  it.effect("makes a caller with many expensive requests pause while others are active", () =>
    check(Effect.gen(function*() {
      const { charge } = yield* Admission
      yield* (yield* admit("list", "bob")).end
      yield* (yield* admit("list", "ann")).end
      charge("ann", 50)
      const paused = yield* admit("list", "ann")
      assert.isFalse(yield* paused.isAdmitted)
      const other = yield* admit("list", "bob")
      assert.isTrue(yield* other.isAdmitted)
      yield* TestClock.adjust("150 millis")
      assert.isTrue(Exit.isSuccess(yield* paused.result))
    })))
})

const twoCallers = layerTokenAuthorization.pipe(
  Layer.provide(Layer.succeed(Authenticator, {
    authenticate: (token) => Effect.succeed({ username: Redacted.value(token), groups: [] })
  })),
  Layer.merge(layerAllowAll)
)

/** Serves a core with metadata of this size. Up to 4 MiB fit into the buffers of the kernel. */
const serveMetadata = (size: number, more: Settings = {}) =>
  serve({ ...settings, authorization: twoCallers, core: { fields: { MESSAGE: "x".repeat(size) } }, ...more })

/** A client that has sent a request and reads nothing. */
const neverRead = (served: Served, path: string, user: string, headers = "") =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const socket = connect(Number(new URL(served.url).port), "127.0.0.1").pause()
      socket.on("error", () => {})
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${user}\r\n${headers}\r\n`)
      await once(socket, "connect")
      return socket
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

const get = (served: Served, path: string, user: string) =>
  call(`${served.url}${path}`, { headers: { authorization: `Bearer ${user}` } })

describe("a request whose client does not read", () => {
  it.live.each<readonly [string, number, string]>([
    ["in the process", 7 * MiB, ""],
    ["in the kernel", 2 * MiB, ""],
    ["in the kernel, on a connection that the server closes", 2 * MiB, "Connection: close\r\n"]
  ])("counts until the client disconnects, with its answer %s", ([, size, headers]) =>
    Effect.gen(function*() {
      const served = yield* serveMetadata(size)
      const path = `/apiv1/cores/metadata/${served.ref.node}/${served.ref.id}`
      const unread = yield* neverRead(served, path, "ann", headers)
      const readAsBob = Effect.flatMap(get(served, path, "bob"), readBody)
      // By the time of the second answer, the server has written what it can of the first one.
      yield* Effect.repeat(readAsBob, { times: 1 })
      const waiting = yield* Effect.forkChild(get(served, path, "ann"), { startImmediately: true })
      // Another caller is not affected.
      for (let i = 0; i < 3; i++) assert.isAbove((yield* readAsBob)!.length, size)
      assert.isUndefined(waiting.pollUnsafe())
      unread.destroy()
      const next = yield* Fiber.join(waiting)
      assert.strictEqual(next.statusCode, 200)
      next.destroy()
    }))

  it.live("does not affect /health, for the pages that need no token", () =>
    Effect.gen(function*() {
      const served = yield* serveMetadata(10)
      for (let i = 0; i < 3; i++) yield* neverRead(served, "/docs", "")
      assert.strictEqual((yield* call(`${served.url}/health`)).statusCode, 200)
    }))
})
