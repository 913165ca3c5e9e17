import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { CoreSource } from "@koredump/core"
import { Effect, Option, Redacted } from "effect"
import type { Connection } from "../../src/connection/Connection.ts"
import { layerSource } from "../../src/connection/layerSource.ts"
import { connection, environment, noScreen } from "../fixtures.ts"

describe("layerSource", () => {
  const invalid: ReadonlyArray<readonly [string, Partial<Connection>]> = [
    ["--local with --server", { local: true, server: Option.some("http://x") }],
    ["--root without --local", { root: Option.some("/mnt") }],
    ["a token with a line end", { token: Option.some(Redacted.make("s3cret\nx")) }],
    ["--token with --as-service-account", {
      token: Option.some(Redacted.make("s3cret")),
      asServiceAccount: Option.some("demo/reader")
    }],
    ["a CA file that does not exist", { certificateAuthority: Option.some("/nonexistent/ca.crt") }],
    ["a CA file without a certificate", { certificateAuthority: Option.some(import.meta.filename) }]
  ]
  for (const [name, options] of invalid) {
    it.effect(`rejects ${name} as invalid usage`, () =>
      Effect.gen(function*() {
        const error = yield* CoreSource.use((source) => source.list({})).pipe(
          Effect.provide(layerSource(connection(options))),
          Effect.flip,
          Effect.provide([NodeServices.layer, environment({}), noScreen])
        )
        assert(error._tag === "CommandError")
        assert.strictEqual(error.exitCode, 2)
        assert.notInclude(JSON.stringify(error), "s3cret")
      }))
  }
})
