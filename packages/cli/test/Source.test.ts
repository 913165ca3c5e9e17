import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { CoreSource } from "@koredump/core"
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect"
import type { Connection } from "../src/commands/root.ts"
import { Screen } from "../src/output/Screen.ts"
import { layerSource, serverUrl } from "../src/Source.ts"

const connection = (options: Partial<Connection> = {}): Connection => ({
  server: Option.none(),
  local: false,
  root: Option.none(),
  token: Option.none(),
  verbose: false,
  ...options
})

const environment = (variables: Record<string, string>) => ConfigProvider.layer(ConfigProvider.fromUnknown(variables))

describe("serverUrl", () => {
  const cases: ReadonlyArray<readonly [string | undefined, Record<string, string>, string | RegExp]> = [
    [undefined, {}, "http://127.0.0.1:5000"],
    [undefined, { KOREDUMP_SERVER: "" }, "http://127.0.0.1:5000"],
    [undefined, { KOREDUMP_SERVER: "https://koredump.example" }, "https://koredump.example"],
    ["http://other:5000", { KOREDUMP_SERVER: "https://koredump.example" }, "http://other:5000"],
    ["unix:/run/koredump.sock", {}, "unix:/run/koredump.sock"],
    ["koredump:5000", {}, /must begin with http/],
    ["http://user:pw@koredump", {}, /^The server's URL can have no user/],
    ["http://koredump/?token=x", {}, /no user, query or fragment/],
    ["ftp://koredump", {}, /must begin with http/],
    ["\u001b[2J", {}, /\\x1b\[2J/]
  ]
  for (const [server, variables, expected] of cases) {
    it.effect(`${JSON.stringify(server)} with ${JSON.stringify(variables)}`, () =>
      Effect.gen(function*() {
        const url = serverUrl(connection({ server: Option.fromUndefinedOr(server) })).pipe(
          Effect.provide(environment(variables))
        )
        if (typeof expected === "string") return assert.strictEqual(yield* url, expected)
        const failure = yield* Effect.flip(url)
        assert.strictEqual(failure.exitCode, 2)
        assert.match(failure.message, expected)
      }))
  }
})

describe("layerSource", () => {
  const wrong: ReadonlyArray<readonly [string, Partial<Connection>]> = [
    ["--local with --server", { local: true, server: Option.some("http://x") }],
    ["--root without --local", { root: Option.some("/mnt") }],
    ["a token with a line end", { token: Option.some(Redacted.make("s3cret\nx")) }]
  ]
  for (const [name, options] of wrong) {
    it.effect(`${name} is wrong usage`, () =>
      Effect.gen(function*() {
        const failure = yield* CoreSource.use((source) => source.list({})).pipe(
          Effect.provide(layerSource(connection(options))),
          Effect.flip,
          Effect.provide([
            NodeServices.layer,
            environment({}),
            Layer.succeed(
              Screen,
              Screen.of({
                stdout: undefined,
                stderr: undefined,
                color: false,
                draw: () => Effect.void,
                confirm: undefined
              })
            )
          ])
        )
        assert(failure._tag === "Failure")
        assert.strictEqual(failure.exitCode, 2)
        assert.notInclude(JSON.stringify(failure), "s3cret")
      }))
  }
})
