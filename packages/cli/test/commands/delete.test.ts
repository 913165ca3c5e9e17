import { assert, describe, it } from "@effect/vitest"
import { CoreNotFound, Forbidden } from "@koredump/core"
import { Effect } from "effect"
import { makeShell, noon, otherCoreNotice, stored, withUnreachableNode } from "../fixtures.ts"

const second = 1_000_000
const cores = [
  stored({ comm: "web", pid: 1, time: noon, fields: { namespace: "demo" } }),
  stored({ comm: "web", pid: 2, time: noon + second, fields: { namespace: "demo" } }),
  stored({ comm: "db", pid: 3, time: noon + 2 * second }),
  { comm: "lost", pid: 4, time: noon + 3 * second, fields: { namespace: "demo", reason: "Vacuumed." } }
]

/** A shell whose user gives this answer. `asked`: the questions; `left`: the process IDs of the cores that are left. */
const makeDeleteShell = Effect.fnUntraced(function*(
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
  it.effect("shows the cores, asks for confirmation, and deletes them", () =>
    Effect.gen(function*() {
      const { asked, left, run } = yield* makeDeleteShell(true)
      const { code, stderr, stdout } = yield* run("delete", "3")
      assert.strictEqual(code, 0)
      assert.deepStrictEqual(asked, ["Delete 1 core?"])
      assert.match(stderr, /^TIME .*\n.* db .*$/)
      assert.match(stdout, /^core\.db\.\S+ {2}deleted$/)
      assert.deepStrictEqual(yield* left, [1, 2])
    }))

  it.effect("deletes nothing if the user does not confirm", () =>
    Effect.gen(function*() {
      const { left, run } = yield* makeDeleteShell(false)
      const { code, stderr, stdout } = yield* run("delete", "3")
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /Nothing was deleted\./)
      assert.deepStrictEqual(yield* left, [1, 2, 3])
    }))

  it.effect("requires --yes without a terminal", () =>
    Effect.gen(function*() {
      const { left, run } = yield* makeDeleteShell()
      const { code, stderr } = yield* run("delete", "3")
      assert.strictEqual(code, 2)
      assert.match(stderr, /^koredumpctl: Cannot ask for confirmation without a terminal\.\n {2}Use --yes to delete/)
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
        const { left, run } = yield* makeDeleteShell()
        const { code, stderr } = yield* run(...line.split(" "))
        assert.strictEqual(code, 0, stderr)
        assert.deepStrictEqual<unknown>(yield* left, expected)
      }))
  }

  const rejected: ReadonlyArray<readonly [string, number, RegExp]> = [
    ["delete", 2, /No core specified\./],
    ["delete -y", 2, /No core specified\./],
    ["delete -1ay", 2, /-1 and -a/],
    ["delete -ay web", 2, /-a/],
    ["delete -y web", 1, /2 cores match "web"/],
    ["delete -y nothing", 4, /No core found/],
    ["delete -y 4", 4, /No core is stored for this crash: .*Vacuumed\./]
  ]
  for (const [line, expected, message] of rejected) {
    it.effect(`\`${line}\` deletes nothing and exits with ${expected}`, () =>
      Effect.gen(function*() {
        const { left, run } = yield* makeDeleteShell()
        const { code, stderr } = yield* run(...line.split(" "))
        assert.strictEqual(code, expected)
        assert.match(stderr, message)
        assert.deepStrictEqual(yield* left, [1, 2, 3])
      }))
  }

  it.effect("accepts NODE ID, and exits with 4 if the core does not exist", () =>
    Effect.gen(function*() {
      const { left, run, source } = yield* makeDeleteShell()
      const { cores: [first] } = yield* source.list({})
      assert.strictEqual((yield* run("delete", "-y", "node-9", first!.id)).code, 4)
      assert.strictEqual((yield* run("delete", "-y", first!.node, first!.id)).code, 0)
      assert.deepStrictEqual(yield* left, [2, 3])
    }))

  it.effect("exits with 3 if a core cannot be deleted, and names it", () =>
    Effect.gen(function*() {
      const { run } = yield* makeDeleteShell(undefined, ({ remove }) => ({
        remove: (ref) => ref.id.includes("db") ? Effect.fail(new Forbidden({ detail: "No permission." })) : remove(ref)
      }))
      const { code, stderr, stdout } = yield* run("delete", "-ay")
      assert.strictEqual(code, 3)
      assert.strictEqual(stdout.split("\n").length, 2)
      assert.match(stderr, /koredumpctl: core\.db\.\S+: Forbidden \(403\)\. No permission\./)
    }))

  it.effect("exits with the exit code of the error if all deletions fail alike", () =>
    Effect.gen(function*() {
      const { run } = yield* makeDeleteShell(undefined, () => ({ remove: () => Effect.fail(new Forbidden({})) }))
      assert.strictEqual((yield* run("delete", "-ay")).code, 5)
      assert.strictEqual((yield* run("delete", "-y", "3")).code, 5)
    }))

  it.effect("exits with 4 if the core disappears before it is deleted", () =>
    Effect.gen(function*() {
      const { run } = yield* makeDeleteShell(true, () => ({
        remove: (ref) => Effect.fail(new CoreNotFound({ id: ref.id }))
      }))
      assert.strictEqual((yield* run("delete", "3")).code, 4)
    }))

  it.effect("deletes a confirmed core although nodes are unreachable", () =>
    Effect.gen(function*() {
      const { run } = yield* makeDeleteShell(true, withUnreachableNode)
      const { code, stdout } = yield* run("delete", "-1")
      assert.strictEqual(code, 3)
      assert.match(stdout, /^core\.db\.\S+ {2}deleted$/)
    }))

  it.effect("exits with 3 if nodes are unreachable", () =>
    Effect.gen(function*() {
      const { left, run } = yield* makeDeleteShell(undefined, withUnreachableNode)
      const newest = yield* run("delete", "-1y")
      assert.deepStrictEqual([newest.code, newest.stdout], [3, ""])
      assert.include(newest.stderr, otherCoreNotice)
      assert.match(newest.stderr, /Nothing was deleted: another core on an unreachable node may match\./)
      const { code, stderr } = yield* run("delete", "-ay")
      assert.strictEqual(code, 3)
      assert.match(stderr, /1 node unreachable, cores may be missing/)
      assert.deepStrictEqual(yield* left, [])
    }))
})
