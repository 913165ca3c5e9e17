import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { call, serve } from "./served.ts"

describe("watches", () => {
  it.live("have their headers at once, and free their place when the client goes", () =>
    Effect.gen(function*() {
      const { url } = yield* serve({ maxWatches: 1 })
      const version = (yield* call(`${url}/apiv1/cores`)).headers["koredump-resource-version"]
      const watch = `${url}/apiv1/watch?resourceVersion=${String(version)}`
      const first = yield* call(watch)
      assert.strictEqual(first.statusCode, 200)
      assert.strictEqual((yield* call(watch)).statusCode, 429)
      first.destroy()
      const next = yield* call(watch).pipe(Effect.repeat({ until: ({ statusCode }) => statusCode === 200, times: 200 }))
      assert.strictEqual(next.statusCode, 200)
    }))
})
