import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Authenticator, type Principal } from "@koredump/core"
import { ByteSize, Effect, FileSystem, Layer, Logger, PlatformError, Redacted, References } from "effect"
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
    "rejects %j without a token in the error",
    (text) =>
      Effect.gen(function*() {
        const error = yield* Effect.flip(parseTokenFile(text))
        assert.isNotEmpty(error)
        assert.notInclude(error, "secret")
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
  it.live("accepts exactly the tokens of the file", () =>
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

  it.live.each(["", "only-a-token"])("fails at the start if the file is %j", (text) =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(withFile(text, Effect.void as Effect.Effect<void, never, Authenticator>))
      assert.strictEqual(error._tag, "SettingsError")
      assert.match(error.message, /^--token-file .*: invalid token file: .*\.$/)
    }))

  it.live("fails at the start if the file does not exist", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(Effect.void.pipe(
        Effect.provide(layerTokenFile("/nowhere/tokens").pipe(Layer.provide(NodeFileSystem.layer)))
      ))
      assert.match(
        error.message,
        /^--token-file \/nowhere\/tokens: invalid token file: cannot be read: no such file or directory\.$/
      )
    }))
})

interface FakeFile {
  text: string
  size?: number
  missing?: boolean
  type?: FileSystem.File.Type
}

const layerFakeFile = (file: FakeFile) =>
  FileSystem.layerNoop({
    stat: () =>
      Effect.suspend(() =>
        file.missing === true
          ? Effect.fail(
            PlatformError.systemError({
              _tag: "NotFound",
              module: "FileSystem",
              method: "stat",
              cause: { code: "ENOENT" }
            })
          )
          : Effect.succeed(
            { type: file.type ?? "File", size: ByteSize.bytes(file.size ?? file.text.length) } as FileSystem.File.Info
          )
      ),
    readFileString: () => Effect.sync(() => file.text)
  })

/** Runs with a file that contains the token `a`. */
const withFakeFile = (
  use: (file: FakeFile, log: ReadonlyArray<string>) => Effect.Effect<void, unknown, Authenticator>
) => {
  const file = { text: "a,ann\n" }
  const log: Array<string> = []
  const logger = Logger.make(({ fiber, logLevel, message }) => {
    const { file, reason } = fiber.getRef(References.CurrentLogAnnotations)
    log.push([logLevel, message, file, reason].filter((part) => part !== undefined).join(" "))
  })
  return use(file, log).pipe(
    Effect.provide(
      layerTokenFile("tokens").pipe(Layer.provide(layerFakeFile(file)), Layer.provideMerge(Logger.layer([logger])))
    )
  )
}

/** The users of the tokens `a` and `b` that are accepted. */
const accepted = Effect.gen(function*() {
  const { authenticate } = yield* Authenticator
  const all = yield* Effect.forEach(["a", "b"], (token) => Effect.option(authenticate(Redacted.make(token))))
  return all.flatMap((found) => found._tag === "Some" ? found.value.username : [])
})

const degradedReason = Effect.flatMap(Authenticator, (authenticator) => authenticator.degradedReason!)

describe("a changing token file", () => {
  it.effect("rejects removed tokens and accepts new ones", () =>
    withFakeFile((file, log) =>
      Effect.gen(function*() {
        file.text = "b,bob\n"
        yield* TestClock.adjust("4999 millis")
        assert.deepStrictEqual([yield* accepted, log], [["ann"], []])
        yield* TestClock.adjust("1 millis")
        assert.deepStrictEqual([yield* accepted, log], [["bob"], ["Info Token file reloaded tokens"]])
        file.text = "a,ann\nb,bob\n"
        yield* TestClock.adjust("5 seconds")
        assert.deepStrictEqual(yield* accepted, ["ann", "bob"])
        yield* TestClock.adjust("1 minute")
        assert.lengthOf(log, 2)
      })
    ))

  it.effect.each<readonly [object, string]>([
    [{ missing: true }, "cannot be read: no such file or directory"],
    [{ type: "FIFO" }, "only a regular file can be reloaded"],
    [{ text: "" }, "no tokens in the file"],
    [{ text: "\"b,bob" }, "not a CSV file"],
    [{ text: "b,bob\nsecret" }, "record 2 has no token or no user"],
    [{ size: 10 * 1024 * 1024 + 1 }, "larger than 10 MiB"]
  ])(
    "keeps the tokens in use if the file is %j, and logs that once",
    ([invalid, reason]) =>
      withFakeFile((file, log) =>
        Effect.gen(function*() {
          const line = `Warn Token file reload failed tokens ${reason}`
          const valid = { text: file.text, size: file.text.length, missing: false, type: "File" }
          Object.assign(file, invalid)
          yield* TestClock.adjust("1 minute")
          assert.deepStrictEqual([yield* accepted, log], [["ann"], [line]])
          assert.strictEqual(
            yield* degradedReason,
            `Token file not reloaded, removed users still have access: ${reason}.`
          )
          // After a recovery, the same failure is logged again.
          Object.assign(file, valid)
          yield* TestClock.adjust("5 seconds")
          Object.assign(file, invalid)
          yield* TestClock.adjust("5 seconds")
          const recovered = "Info Token file readable again tokens"
          assert.deepStrictEqual([yield* accepted, log], [["ann"], [line, recovered, line]])
          Object.assign(file, valid, { text: "b,bob", size: 5 })
          yield* TestClock.adjust("5 seconds")
          assert.isUndefined(yield* degradedReason)
          assert.deepStrictEqual([yield* accepted, log.slice(3)], [["bob"], [
            recovered,
            "Info Token file reloaded tokens"
          ]])
        })
      )
  )
})
