import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type Principal } from "@koredump/core"
import { ByteSize, Effect, FileSystem, Layer, Logger, PlatformError, Redacted } from "effect"
import { TestClock } from "effect/testing"
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

interface Changing {
  text: string
  size?: number
  gone?: boolean
  type?: FileSystem.File.Type
}

const changing = (file: Changing) =>
  FileSystem.layerNoop({
    stat: () =>
      Effect.suspend(() =>
        file.gone === true
          ? Effect.fail(PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "stat" }))
          : Effect.succeed(
            { type: file.type ?? "File", size: ByteSize.bytes(file.size ?? file.text.length) } as FileSystem.File.Info
          )
      ),
    readFileString: () => Effect.sync(() => file.text)
  })

/** Runs with a file that has the token `a`. */
const withChanging = (
  use: (file: Changing, log: ReadonlyArray<string>) => Effect.Effect<void, unknown, Authenticator>
) => {
  const file = { text: "a,ann\n" }
  const log: Array<string> = []
  const logger = Logger.make(({ logLevel, message }) => {
    log.push(`${logLevel} ${String(message)}`)
  })
  return use(file, log).pipe(
    Effect.provide(
      layerTokenFile("tokens").pipe(Layer.provide(changing(file)), Layer.provideMerge(Logger.layer([logger])))
    )
  )
}

/** Whose of the tokens `a` and `b` are accepted. */
const accepted = Effect.gen(function*() {
  const { authenticate } = yield* Authenticator
  const all = yield* Effect.forEach(["a", "b"], (token) => Effect.option(authenticate(Redacted.make(token))))
  return all.flatMap((found) => found._tag === "Some" ? found.value.username : [])
})

describe("a token file that changes", () => {
  it.effect("a token taken out is refused, one that comes is accepted", () =>
    withChanging((file, log) =>
      Effect.gen(function*() {
        file.text = "b,bob\n"
        yield* TestClock.adjust("4999 millis")
        assert.deepStrictEqual([yield* accepted, log], [["ann"], []])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual([yield* accepted, log], [["bob"], ["Info The tokens have changed."]])
        file.text = "a,ann\nb,bob\n"
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* accepted, ["ann", "bob"])
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(log, 2)
      })
    ))

  it.effect.each<readonly [object, string]>([
    [{ gone: true }, "NotFound"],
    [{ type: "FIFO" }, "only a regular file can be read again"],
    [{ text: "" }, "it has no token"],
    [{ text: "\"b,bob" }, "it is not CSV"],
    [{ text: "b,bob\nsecret" }, "record 2 has no token or no user"],
    [{ size: 10 * 1024 * 1024 + 1 }, "it is too large"]
  ])(
    "%j is logged once, and the tokens in use stay",
    ([bad, why]) =>
      withChanging((file, log) =>
        Effect.gen(function*() {
          const line = `Warn The token file tokens cannot be used: ${why}. Those in use stay.`
          const good = { text: file.text, size: file.text.length, gone: false, type: "File" }
          Object.assign(file, bad)
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual([yield* accepted, log], [["ann"], [line]])
          // Right in between: told again.
          Object.assign(file, good)
          yield* TestClock.adjust("5 seconds")
          Object.assign(file, bad)
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual([yield* accepted, log], [["ann"], [line, line]])
          Object.assign(file, good, { text: "b,bob", size: 5 })
          yield* TestClock.adjust("5 seconds")
          assert.deepStrictEqual([yield* accepted, log.slice(2)], [["bob"], ["Info The tokens have changed."]])
        })
      )
  )
})
