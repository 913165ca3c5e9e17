import { assert, it } from "@effect/vitest"
import { decodeCoreQuery } from "@koredump/core"
import { Effect } from "effect"

it.effect("a query may have 100 values for a parameter, each of 4,096 characters", () =>
  Effect.gen(function*() {
    const pod = Array.from({ length: 100 }, (_, i) => String(i).padEnd(4096, "x"))
    assert.deepStrictEqual(yield* decodeCoreQuery(pod.map((name) => ["pod", name])), { pod })
  }))
