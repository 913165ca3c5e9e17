import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, serve } from "../support/httpServer.ts"

describe("watches", () => {
  it.live("send their headers at once, and no longer count when the client disconnects", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ maxWatches: 1 })
      const version = (yield* call(`${url}/apiv1/cores`)).headers["koredump-resource-version"]
      const watch = `${url}/apiv1/watch?resourceVersion=${String(version)}`
      const first = yield* call(watch)
      assert.strictEqual(first.statusCode, 200)
      assert.strictEqual((yield* call(watch)).statusCode, 429)
      first.destroy()
      const next = yield* call(watch).pipe(Effect.repeat({ until: ({ statusCode }) => statusCode === 200 }))
      assert.strictEqual(next.statusCode, 200)
    }))
})
