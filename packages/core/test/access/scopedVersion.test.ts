import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { AccessDecisions } from "../../src/access/AccessDecisions.ts"
import { formatScopedVersion, parseScopedVersion } from "../../src/access/scopedVersion.ts"

/** The names in a version after a round trip, for a caller who may see these namespaces. */
const roundTrip = Effect.fnUntraced(function*(namespaces: ReadonlyArray<string>) {
  const decisions = new AccessDecisions(({ namespace }) => Effect.succeed(namespace !== undefined))
  yield* decisions.decideNamespaces(namespaces)
  return parseScopedVersion(formatScopedVersion("a-1", "watch", decisions))
})

describe("a scoped version", () => {
  // 50 names of 19 characters, with commas between them.
  const namespaces = Array.from({ length: 50 }, (_, i) => `team-${String(i).padStart(14, "0")}`)

  it.effect("has the namespaces of the caller, so that a withdrawn permission is noticed", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* roundTrip(namespaces), { version: "a-1", verb: "watch", names: namespaces })
    }))

  it.effect("has no names if they are longer than 1,000 characters", () =>
    Effect.gen(function*() {
      const scoped = yield* roundTrip([...namespaces, "x"])
      assert.deepStrictEqual(scoped, { version: "a-1", verb: "watch", names: undefined })
    }))
})
