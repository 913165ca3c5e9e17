import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { CoreId } from "../../src/model/CoreId.ts"
import { requireStored } from "../../src/source/requireStored.ts"

const core = { node: "node-1", id: CoreId.make("core.app.0.0123456789abcdef0123456789abcdef.1.1700000000000000") }

describe("requireStored", () => {
  it.effect.each(["present", "truncated", "pending"] as const)(
    "succeeds for a core that is %s",
    (state) => requireStored({ ...core, state })
  )

  it.effect("fails for a missing core, with its reason", () =>
    Effect.gen(function*() {
      const problem = yield* Effect.flip(requireStored({ ...core, state: "missing", reason: "The file is gone." }))
      assert.deepInclude(problem, { _tag: "CoreNotStored", ...core, detail: "The file is gone." })
    }))

  it.effect("fails for a missing core without a reason", () =>
    Effect.gen(function*() {
      const problem = yield* Effect.flip(requireStored({ ...core, state: "missing" }))
      assert.deepInclude(problem, { _tag: "CoreNotStored", ...core })
      assert.notProperty(problem, "detail")
    }))
})
