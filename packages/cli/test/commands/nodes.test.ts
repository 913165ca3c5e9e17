import { assert, describe, it } from "@effect/vitest"
import { Forbidden, type NodeStatus } from "@koredump/core"
import { Effect } from "effect"
import { makeShell, node } from "../fixtures.ts"

const two: ReadonlyArray<NodeStatus> = [
  node("worker-1", {
    agentVersion: "0.1.0",
    address: "https://10.0.0.1:5001",
    corePattern: "|/lib/systemd/systemd-coredump %P"
  }),
  node("worker-2", {
    agentVersion: "0.1.0",
    state: "unreachable",
    since: "2023-11-14T23:12:00Z",
    lastError: "Cannot reach https://10.0.0.2:5001 (ECONNREFUSED).",
    cores: 1234
  })
]

const makeNodesShell = (nodes: ReadonlyArray<NodeStatus>, columns?: number) =>
  makeShell([], { wrap: () => ({ nodes: Effect.succeed(nodes) }), ...(columns === undefined ? {} : { columns }) })

describe("koredumpctl nodes", () => {
  it.effect("prints a table, and exits with 3 if a node is unreachable", () =>
    Effect.gen(function*() {
      const { run } = yield* makeNodesShell(two, 120)
      assert.deepStrictEqual(yield* run("nodes"), {
        code: 3,
        stdout: `
NODE      STATE        SINCE  CONTACT  CORES   SIZE  VERSION  PROBLEM
worker-1  ready          60m       2s      2  2 KiB  0.1.0    -
worker-2  unreachable    80s       2s   1234  2 KiB  0.1.0    Cannot reach https://10.0.0.2:5001 (ECONNREFUSED).`
          .slice(1),
        stderr: ""
      })
    }))

  it.effect("is never wider than the terminal", () =>
    Effect.gen(function*() {
      for (let columns = 48; columns < 120; columns++) {
        const { run } = yield* makeNodesShell(two, columns)
        const { stdout } = yield* run("nodes")
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, columns)
        assert.match(stdout, /NODE +STATE .*PROBLEM/)
      }
    }))

  it.effect("omits columns without values", () =>
    Effect.gen(function*() {
      const { run } = yield* makeNodesShell([node("a")])
      assert.deepStrictEqual(yield* run("nodes"), {
        code: 0,
        stdout: "NODE  STATE  SINCE  CONTACT  CORES   SIZE\na     ready    60m       2s      2  2 KiB",
        stderr: ""
      })
    }))

  it.effect("prints other formats", () =>
    Effect.gen(function*() {
      const { run } = yield* makeNodesShell(two)
      assert.deepStrictEqual(JSON.parse((yield* run("nodes", "-o", "json")).stdout), two)
      const lines = (yield* run("nodes", "-o", "ndjson")).stdout.split("\n")
      assert.deepStrictEqual<unknown>(lines.map((line) => JSON.parse(line)), two)
      assert.strictEqual((yield* run("nodes", "-o", "name")).stdout, "worker-1\nworker-2")
      assert.match((yield* run("nodes", "-o", "yaml")).stdout, /^- name: worker-1\n/)
      assert.match((yield* run("nodes", "-o", "wide")).stdout, /https:\/\/10\.0\.0\.1:5001 +\|\/lib\/systemd/)
    }))

  it.effect("prints a notice if there are no nodes", () =>
    Effect.gen(function*() {
      const { run } = yield* makeNodesShell([])
      assert.deepStrictEqual(yield* run("nodes"), { code: 0, stdout: "", stderr: "No nodes found." })
      assert.strictEqual((yield* run("nodes", "-o", "json")).stdout, "[]")
    }))

  it.effect("names the permission that is required", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([], { wrap: () => ({ nodes: Effect.fail(new Forbidden({})) }) })
      const { code, stderr } = yield* run("nodes")
      assert.strictEqual(code, 5)
      assert.match(stderr, /nodecoredumps/)
    }))
})
