import { assert, describe, it } from "@effect/vitest"
import { CoreNotFound, Forbidden } from "@koredump/core"
import { Effect } from "effect"
import { makeShell, maybeAnother, noon, partly, stored } from "../fixtures.ts"

const second = 1_000_000
const cores = [
  stored({ comm: "web", pid: 1, time: noon, fields: { namespace: "demo" } }),
  stored({ comm: "web", pid: 2, time: noon + second, fields: { namespace: "demo" } }),
  stored({ comm: "db", pid: 3, time: noon + 2 * second }),
  { comm: "lost", pid: 4, time: noon + 3 * second, fields: { namespace: "demo", reason: "Vacuumed." } }
]

/** A shell whose person answers so; which questions were asked, and what is still stored. */
const shell = Effect.fnUntraced(function*(
  answer?: boolean,
  wrap?: NonNullable<Parameters<typeof makeShell>[1]>["wrap"]
) {
  const asked: Array<string> = []
  const made = yield* makeShell(cores, {
    ...(answer === undefined ? {} : {
      confirm: (question: string) =>
        Effect.sync(() => {
          asked.push(question)
          return answer
        })
    }),
    ...(wrap === undefined ? {} : { wrap })
  })
  const left = Effect.map(made.source.list({}), ({ cores }) => cores.map((core) => core.COREDUMP_PID))
  return { ...made, asked, left }
})

describe("koredumpctl delete", () => {
  it.effect("shows what goes, asks, deletes and says so", () =>
    Effect.gen(function*() {
      const { asked, left, run } = yield* shell(true)
      const { code, stderr, stdout } = yield* run("delete", "3")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(asked, ["Delete 1 core?"])
      assert.match(stderr, /^TIME .*\n.* db .*$/)
      assert.match(stdout, /^core\.db\.\S+ {2}deleted$/)
      assert.deepStrictEqual(yield* left, [1, 2])
    }))

  it.effect("deletes nothing where the answer is no", () =>
    Effect.gen(function*() {
      const { left, run } = yield* shell(false)
      const { code, stderr, stdout } = yield* run("delete", "3")
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /Nothing was deleted\./)
      assert.deepStrictEqual(yield* left, [1, 2, 3])
    }))

  it.effect("wants --yes where nobody can be asked", () =>
    Effect.gen(function*() {
      const { left, run } = yield* shell()
      const { code, stderr } = yield* run("delete", "3")
      assert.strictEqual(code, 2)
      assert.match(stderr, /^koredumpctl: There is no terminal to ask on\.\n {2}Say --yes/)
      assert.deepStrictEqual(yield* left, [1, 2, 3])
    }))

  const selections: ReadonlyArray<readonly [string, ReadonlyArray<number>]> = [
    ["delete -y 3", [1, 2]],
    ["delete --yes db", [1, 2]],
    ["delete -1y", [1, 2]],
    ["-1 -y -n demo delete", [1, 3]],
    ["delete -y --comm db", [1, 2]],
    ["delete -y -1 web", [1, 3]],
    ["delete -y 1 3", [2]],
    ["delete -ay -n demo", [3]],
    ["delete -ay", []]
  ]
  for (const [line, expected] of selections) {
    it.effect(`\`${line}\` leaves ${expected.join(", ") || "none"}`, () =>
      Effect.gen(function*() {
        const { left, run } = yield* shell()
        const { code, stderr } = yield* run(...line.split(" "))
        assert.strictEqual(code, 0, stderr)
        assert.deepStrictEqual<unknown>(yield* left, expected)
      }))
  }

  const refused: ReadonlyArray<readonly [string, number, RegExp]> = [
    ["delete", 2, /Name a core/],
    ["delete -y", 2, /Name a core/],
    ["delete -1ay", 2, /-1 and -a/],
    ["delete -ay web", 2, /-a/],
    ["delete -y web", 1, /2 cores fit "web"/],
    ["delete -y nothing", 4, /No core found/],
    ["delete -y 4", 4, /not stored.*Vacuumed\./]
  ]
  for (const [line, expected, message] of refused) {
    it.effect(`\`${line}\` deletes nothing and is ${expected}`, () =>
      Effect.gen(function*() {
        const { left, run } = yield* shell()
        const { code, stderr } = yield* run(...line.split(" "))
        assert.strictEqual(code, expected)
        assert.match(stderr, message)
        assert.deepStrictEqual(yield* left, [1, 2, 3])
      }))
  }

  it.effect("takes NODE ID, and says where there is none", () =>
    Effect.gen(function*() {
      const { left, run, source } = yield* shell()
      const { cores: [first] } = yield* source.list({})
      assert.strictEqual((yield* run("delete", "-y", "node-9", first!.id)).code, 4)
      assert.strictEqual((yield* run("delete", "-y", first!.node, first!.id)).code, 0)
      assert.deepStrictEqual(yield* left, [2, 3])
    }))

  it.effect("exits with 3 where some could not be deleted, and says which", () =>
    Effect.gen(function*() {
      const { run } = yield* shell(undefined, ({ remove }) => ({
        remove: (ref) => ref.id.includes("db") ? Effect.fail(new Forbidden({ detail: "You may not." })) : remove(ref)
      }))
      const { code, stderr, stdout } = yield* run("delete", "-ay")
      assert.strictEqual(code, 3)
      assert.strictEqual(stdout.split("\n").length, 2)
      assert.match(stderr, /koredumpctl: core\.db\.\S+: Not allowed: You may not\./)
    }))

  it.effect("exits with the failure's own code where all failed alike", () =>
    Effect.gen(function*() {
      const { run } = yield* shell(undefined, () => ({ remove: () => Effect.fail(new Forbidden({})) }))
      assert.strictEqual((yield* run("delete", "-ay")).code, 5)
      assert.strictEqual((yield* run("delete", "-y", "3")).code, 5)
    }))

  it.effect("says that a core is gone that was there when it asked", () =>
    Effect.gen(function*() {
      const { run } = yield* shell(true, () => ({ remove: (ref) => Effect.fail(new CoreNotFound({ id: ref.id })) }))
      assert.strictEqual((yield* run("delete", "3")).code, 4)
    }))

  it.effect("deletes the one that was shown and meant, though nodes could not be reached", () =>
    Effect.gen(function*() {
      const { run } = yield* shell(true, partly)
      const { code, stdout } = yield* run("delete", "-1")
      assert.strictEqual(code, 3)
      assert.match(stdout, /^core\.db\.\S+ {2}deleted$/)
    }))

  it.effect("exits with 3 where nodes could not be reached", () =>
    Effect.gen(function*() {
      const { left, run } = yield* shell(undefined, partly)
      const newest = yield* run("delete", "-1y")
      assert.deepStrictEqual([newest.code, newest.stdout], [3, ""])
      assert.include(newest.stderr, maybeAnother)
      assert.match(newest.stderr, /Nothing was deleted: it may not be the core that you mean/)
      const { code, stderr } = yield* run("delete", "-ay")
      assert.strictEqual(code, 3)
      assert.match(stderr, /1 node could not be reached/)
      assert.deepStrictEqual(yield* left, [])
    }))
})
