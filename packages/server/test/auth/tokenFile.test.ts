import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type Principal } from "@koredump/core"
import { Effect, FileSystem, Layer, Redacted } from "effect"
import { layerTokenFile, parseTokenFile } from "../../src/auth/tokenFile.ts"

const principal = (username: string, groups: ReadonlyArray<string> = [], uid?: string) => ({
  username,
  ...(uid === undefined ? {} : { uid }),
  groups
})

const files: ReadonlyArray<readonly [string, Readonly<Record<string, Principal>>]> = [
  ["t,ann", { t: principal("ann") }],
  ["t,ann,7", { t: principal("ann", [], "7") }],
  ["t,ann,7,ops", { t: principal("ann", ["ops"], "7") }],
  ["t,ann,7,\"ops,dev\"\r\n", { t: principal("ann", ["ops", "dev"], "7") }],
  ["t,ann,,\"ops, dev,\"\n\nu,bob,8,\n", { t: principal("ann", ["ops", "dev"]), u: principal("bob", [], "8") }],
  ["\"t\"\"q\",ann", { "t\"q": principal("ann") }],
  ["\"a,b\",ann", { "a,b": principal("ann") }]
]

describe("parseTokenFile", () => {
  it.effect.each(files)("%j", ([text, expected]) =>
    Effect.gen(function*() {
      assert.deepStrictEqual(Object.fromEntries(yield* parseTokenFile(text)), expected)
    }))

  it.effect.each([
    "",
    "\n\n",
    "secret",
    "secret,",
    ",ann",
    "t,ann,7,ops,dev",
    "t,ann\nt,bob",
    "\"t,ann",
    "t,ann\n\"secret"
  ])(
    "refuses %j, and tells no token",
    (text) =>
      Effect.gen(function*() {
        const why = yield* Effect.flip(parseTokenFile(text))
        assert.isNotEmpty(why)
        assert.notInclude(why, "secret")
      })
  )
})

const withFile = <A, E>(text: string, use: Effect.Effect<A, E, Authenticator>) =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped()
    yield* fs.writeFileString(path, text)
    return yield* use.pipe(Effect.provide(layerTokenFile(path)))
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer))

describe("layerTokenFile", () => {
  it.live("accepts the tokens of the file, whole and no other", () =>
    withFile(
      "token-a,ann,,ops\ntoken-b,bob\n",
      Effect.gen(function*() {
        const { authenticate } = yield* Authenticator
        assert.deepStrictEqual(yield* authenticate(Redacted.make("token-a")), principal("ann", ["ops"]))
        assert.deepStrictEqual(yield* authenticate(Redacted.make("token-b")), principal("bob"))
        for (const wrong of ["", "token", "token-a ", "TOKEN-A", "ann", "token-a,ann", "__proto__"]) {
          assert.strictEqual((yield* Effect.flip(authenticate(Redacted.make(wrong))))._tag, "Unauthorized", wrong)
        }
      })
    ))

  it.live.each(["", "only-a-token"])("%j cannot be used: a sentence", (text) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(withFile(text, Effect.void as Effect.Effect<void, never, Authenticator>))
      assert.strictEqual(error._tag, "SettingsError")
      assert.match(error.message, /^The token file .* cannot be used: .*\.$/)
    }))

  it.live("a file that is not there is a sentence too", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.void.pipe(
        Effect.provide(layerTokenFile("/nowhere/tokens").pipe(Layer.provide(NodeFileSystem.layer)))
      ))
      assert.match(error.message, /^The token file \/nowhere\/tokens cannot be used: .*\.$/)
    }))
})
