import { assert, describe, it } from "@effect/vitest"
import { type Problem } from "@koredump/core"
import { Effect, Exit, Fiber, Schema } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"
import type { RemoteOptions } from "../../src/connection/RemoteOptions.ts"
import { makeServerConnection } from "../../src/connection/ServerConnection.ts"

type Respond = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<Response, HttpClientError.HttpClientError>

// Without a body: bodies are read in real time, and these tests advance the clock.
const respondWith = (status: number, headers: Record<string, string> = {}): Respond => () =>
  Effect.succeed(new Response(null, { status, headers }))

const failWith =
  (Reason: typeof HttpClientError.TransportError | typeof HttpClientError.InvalidUrlError): Respond => (request) =>
    Effect.fail(new HttpClientError.HttpClientError({ reason: new Reason({ request }) }))

/** A connection to a fake server at http://x.test, and the number of requests that it got. */
const connect = (respond: Respond, options: Partial<RemoteOptions> = {}) => {
  const server = { requests: 0 }
  const client = HttpClient.make((request) => {
    server.requests += 1
    return Effect.map(respond(request), (response) => HttpClientResponse.fromWeb(request, response))
  })
  return makeServerConnection({ url: "http://x.test", ...options }).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.map((connection) => ({
      server,
      get: connection.json({ kind: "list", path: "/" }, Schema.Array(Schema.String)),
      remove: connection.json({ kind: "empty", method: "DELETE", path: "/" }, Schema.Array(Schema.String))
    }))
  )
}

/** Lets an hour pass during the operation, and returns its problem. */
const failWithinHour = <A>(operation: Effect.Effect<A, Problem>) =>
  Effect.gen(function*() {
    const fiber = yield* Effect.forkChild(Effect.flip(operation))
    yield* TestClock.adjust("1 hour")
    return yield* Fiber.join(fiber)
  })

describe("retries", () => {
  it.effect.each([429, 502, 503, 504])(
    "retries a read three times after status %d",
    (status) =>
      Effect.gen(function*() {
        const { get, remove, server } = yield* connect(respondWith(status))
        yield* failWithinHour(get)
        assert.strictEqual(server.requests, 4)
        yield* failWithinHour(remove)
        assert.strictEqual(server.requests, 5)
      })
  )

  it.effect.each([400, 404, 500])("does not retry after status %d", (status) =>
    Effect.gen(function*() {
      const { get, server } = yield* connect(respondWith(status))
      yield* failWithinHour(get)
      assert.strictEqual(server.requests, 1)
    }))

  it.effect("retries if the server is unreachable, but not if the request has no valid URL", () =>
    Effect.gen(function*() {
      const unreachable = yield* connect(failWith(HttpClientError.TransportError), { retries: 5 })
      assert.strictEqual((yield* failWithinHour(unreachable.get))._tag, "NodeFailed")
      assert.strictEqual(unreachable.server.requests, 6)
      const invalid = yield* connect(failWith(HttpClientError.InvalidUrlError))
      assert.strictEqual((yield* failWithinHour(invalid.get))._tag, "BadRequest")
      assert.strictEqual(invalid.server.requests, 1)
    }))

  it.effect("does not retry after a timeout", () =>
    Effect.gen(function*() {
      const { get, server } = yield* connect(() => Effect.never)
      const fiber = yield* Effect.forkChild(Effect.flip(get))
      yield* TestClock.adjust("29 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.include(yield* Fiber.join(fiber), { _tag: "NodeTimeout", detail: "Timed out waiting for http://x.test." })
      assert.strictEqual(server.requests, 1)
    }))

  it.effect.each(["7", "Thu, 01 Jan 1970 00:00:07 GMT"])(
    "waits until Retry-After: %s",
    (retryAfter) =>
      Effect.gen(function*() {
        const { get, server } = yield* connect(respondWith(503, { "retry-after": retryAfter }), { retries: 1 })
        const fiber = yield* Effect.forkChild(Effect.exit(get))
        yield* TestClock.adjust("6 seconds")
        assert.strictEqual(server.requests, 1)
        yield* TestClock.adjust("1 second")
        assert.strictEqual(server.requests, 2)
        assert.isTrue(Exit.isFailure(yield* Fiber.join(fiber)))
      })
  )

  it.effect.each([[30, 2], [31, 1]])(
    "waits 30 seconds at most, or as long as maxRetryAfter: Retry-After: %d",
    ([seconds, requests]) =>
      Effect.gen(function*() {
        const respond = respondWith(503, { "retry-after": String(seconds) })
        const byDefault = yield* connect(respond, { retries: 1 })
        yield* failWithinHour(byDefault.get)
        assert.strictEqual(byDefault.server.requests, requests)
        const longer = yield* connect(respond, { retries: 1, maxRetryAfter: "31 seconds" })
        yield* failWithinHour(longer.get)
        assert.strictEqual(longer.server.requests, 2)
      })
  )

  it.effect("ignores an invalid Retry-After", () =>
    Effect.gen(function*() {
      const { get, server } = yield* connect(respondWith(503, { "retry-after": "soon" }))
      yield* failWithinHour(get)
      assert.strictEqual(server.requests, 4)
    }))
})

describe("responses", () => {
  it.effect("rejects a response that is too large", () =>
    Effect.gen(function*() {
      const { get } = yield* connect(() => Effect.succeed(new Response("[]")), { maxResponseBytes: 1 })
      assert.strictEqual((yield* Effect.flip(get)).message, "http://x.test sent a response with more than 1 bytes.")
    }))

  it.effect("reads only the beginning of an endless error page", () =>
    Effect.gen(function*() {
      let sent = 0
      const endless = new ReadableStream({
        pull: (controller) => {
          sent += 1024
          controller.enqueue(new Uint8Array(1024).fill(120))
        }
      })
      const { get } = yield* connect(() => Effect.succeed(new Response(endless, { status: 404 })))
      assert.strictEqual((yield* Effect.flip(get))._tag, "NodeFailed")
      assert.isBelow(sent, 1024 * 1024)
    }))

  it.effect("waits ten seconds for an error that comes byte by byte", () =>
    Effect.gen(function*() {
      const slow = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) })
      const { get } = yield* connect(() => Effect.succeed(new Response(slow, { status: 404 })))
      const fiber = yield* Effect.forkChild(Effect.flip(get))
      let seconds = 0
      while (fiber.pollUnsafe() === undefined) {
        yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
        yield* TestClock.adjust("1 second")
        seconds += 1
      }
      assert.strictEqual((yield* Fiber.join(fiber)).message, "http://x.test returned status 404.")
      assert.isBelow(seconds, 20)
    }))

  it.effect("refuses what is announced as too long, and what is nested too deeply", () =>
    Effect.gen(function*() {
      const announced = yield* connect(() =>
        Effect.succeed(new Response("[]", { headers: { "content-length": "1000000000" } }))
      )
      assert.match((yield* Effect.flip(announced.get)).message, /sent a response with more than 268435456 bytes/)
      const deep = yield* connect(() => Effect.succeed(new Response("[".repeat(100_000))))
      assert.match((yield* Effect.flip(deep.get)).message, /sent a response with nesting deeper than 64 levels/)
    }))

  it.effect.each<[number, Response, string]>([
    [304, new Response(null, { status: 304 }), "returned the unexpected status 304. Check the URL."],
    [
      302,
      new Response(null, { status: 302, headers: { location: "/login" } }),
      "redirects to /login. Redirects are not followed: use the final URL."
    ],
    [404, new Response("no  such\npage", { status: 404 }), "returned status 404: no such page"],
    [404, new Response("x".repeat(100_000), { status: 404 }), `returned status 404: ${"x".repeat(299)}…`]
  ])("explains status %d", ([, response, message]) =>
    Effect.gen(function*() {
      const { get } = yield* connect(() => Effect.succeed(response))
      assert.strictEqual((yield* Effect.flip(get)).message, `http://x.test ${message}`)
    }))
})
