import { assert, describe, it } from "@effect/vitest"
import type { CoreSource } from "@koredump/core"
import { NodeConnector } from "@koredump/core"
import { Effect, Stream } from "effect"
import { serve } from "../../../../test-support/httpServer.ts"
import { layerHttpNodeConnector } from "../../src/index.ts"
import { attacks, makeCore, makeHostileNode } from "./attacks.ts"
import { isOverLimit, measureAttacks } from "./measureAttacks.ts"

const ref = { node: "node-1", id: makeCore(1).id } as Parameters<CoreSource["Service"]["get"]>[0]

const requests: Readonly<Record<string, (source: CoreSource["Service"]) => Effect.Effect<unknown, unknown>>> = {
  nodes: (source) => source.nodes,
  metadata: (source) => source.get(ref),
  watch: (source) => Stream.runDrain(source.changes()),
  download: (source) => Effect.scoped(Effect.flatMap(source.open(ref), (file) => Stream.runDrain(file.bytes())))
}

/** The message of the request that the attack answers. */
const attack = (name: string) =>
  Effect.gen(function*() {
    const { route } = attacks[name]!
    const address = yield* serve(makeHostileNode(attacks[name]))
    const source = yield* NodeConnector.use((connector) => connector.connect({ name: "node-1", address }))
    return String(yield* Effect.flip(requests[route]!(source)))
  }).pipe(Effect.scoped, Effect.provide(layerHttpNodeConnector({ insecureHttp: true })))

describe("an answer of a compromised node is refused", () => {
  it.live.each<[string, RegExp]>([
    ["status with 10 million warnings", /a response with more than 1000 values/],
    ["status of 380,000 nodes", /a response with more than (1000 values|65536 bytes)/],
    ["status nested 15 million deep", /a response with nesting deeper than 8 levels/],
    ["status with a version of 32 MiB", /a response with more than 65536 bytes/],
    ["status that claims to be a web page", /a response with more than 65536 bytes/],
    ["status in gzip", /a response with more than 65536 bytes/],
    ["metadata nested 8 million deep", /a response with nesting deeper than 64 levels/],
    ["metadata with 10 million objects", /a response with more than 32768 values/],
    ["metadata with a million duplicate keys", /a response with more than 1024 fields/],
    ["metadata with a number of 8 million digits", /unexpected format/],
    ["metadata with huge numbers", /unexpected format/],
    ["metadata of the wrong type", /a response with more than 1024 fields/],
    ["metadata announced as a tebibyte", /a response with more than 8388608 bytes/],
    ["metadata byte by byte", /connection .* was lost/],
    ["an error of 32 MiB, with Retry-After of a year", /returned status 503/],
    ["headers of 1 MiB", /Cannot reach .*HPE_HEADER_OVERFLOW/],
    ["early hints without end", /Cannot reach .*too many interim responses/],
    ["a file that is longer than HEAD said", /sent more than the announced 4 bytes/],
    ["a watch of one line without end", /an invalid watch event \(more than 1048576 bytes\)/],
    ["a watch byte by byte", /connection .* was lost/],
    ["a watch with a core nested half a million deep", /an invalid watch event \(nesting deeper than 64 levels\)/]
  ])("%s", ([name, message]) => Effect.map(attack(name), (actual) => assert.match(actual, message)))

  it.live("metadata at the limits is not refused", () =>
    Effect.gen(function*() {
      const address = yield* serve(makeHostileNode(attacks["metadata at the limits"]))
      const source = yield* NodeConnector.use((connector) => connector.connect({ name: "node-1", address }))
      const metadata = yield* source.get(ref)
      assert.isAbove(metadata.MESSAGE!.length, 1024 * 1024)
    }).pipe(Effect.scoped, Effect.provide(layerHttpNodeConnector({ insecureHttp: true }))))
})

it("a compromised node costs a cluster server less than 64 MiB, and blocks it for less than 100 ms", async () => {
  const costs = await measureAttacks(0.2, [
    "status nested 15 million deep",
    "metadata with 10 million objects",
    "metadata at the limits",
    "a watch with a core nested half a million deep"
  ])
  assert.deepStrictEqual(costs.filter(isOverLimit), [])
}, 180_000)
