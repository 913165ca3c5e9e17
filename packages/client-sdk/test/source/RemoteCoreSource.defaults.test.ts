import { assert, describe, it } from "@effect/vitest"
import { makeRemoteCoreSource } from "@koredump/client/effect"
import { Deferred, Effect, Fiber } from "effect"
import { HttpClient, HttpClientResponse } from "effect/http"
import { TestClock } from "effect/testing"

/** The source of a server that sends this body, with default options. */
const connect = (body: () => string | ReadableStream) =>
  makeRemoteCoreSource({ url: "http://x.test" }).pipe(
    Effect.provideService(
      HttpClient.HttpClient,
      HttpClient.make((request) =>
        Effect.sync(() =>
          HttpClientResponse.fromWeb(request, new Response(body(), { headers: { "content-type": "application/json" } }))
        )
      )
    )
  )

describe("a remote source with default options", () => {
  it.effect("reads a response of several MiB", () =>
    Effect.gen(function*() {
      const source = yield* connect(() => `[${" ".repeat(3 * 1024 * 1024)}]`)
      assert.deepStrictEqual(yield* source.nodes, [])
    }))

  it.effect("times out when a response stops for 60 seconds", () =>
    Effect.gen(function*() {
      const isRead = yield* Deferred.make<void>()
      let pulls = 0
      const source = yield* connect(() =>
        new ReadableStream({
          // The second pull comes when the first chunk has been read.
          pull: (body) => {
            if (pulls++ === 0) body.enqueue(Uint8Array.of(0x5b))
            else Deferred.doneUnsafe(isRead, Effect.void)
          }
        })
      )
      const fiber = yield* Effect.forkChild(Effect.flip(source.nodes))
      yield* Deferred.await(isRead)
      yield* TestClock.adjust("59 seconds")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(fiber))._tag, "NodeTimeout")
    }))
})
