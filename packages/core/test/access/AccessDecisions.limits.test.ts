import { assert, it } from "@effect/vitest"
import { Effect } from "effect"
import { AccessDecisions } from "../../src/access/AccessDecisions.ts"

it.effect("AccessDecisions asks once about each of thousands of denied namespaces", () =>
  Effect.gen(function*() {
    let requests = 0
    const decisions = new AccessDecisions(() =>
      Effect.sync(() => {
        requests += 1
        return false
      })
    )
    const namespaces = Array.from({ length: 5000 }, (_, i) => `team-${i}`)
    yield* decisions.decideNamespaces(namespaces)
    yield* decisions.decideNamespaces(namespaces)
    // And about all cores of pods, and those of nodes.
    assert.strictEqual(requests, 5002)
  }))
