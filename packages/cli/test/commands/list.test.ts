import { assert, describe, it } from "@effect/vitest"
import { Forbidden, NodeFailed } from "@koredump/core"
import { Effect, Fiber, Stream } from "effect"
import { kubeconfig, makeShell, noon, partly, stored, temporaryDirectory } from "../fixtures.ts"

const second = 1_000_000
const three = [
  stored({ comm: "first", pid: 1, time: noon }),
  stored({ comm: "second", pid: 2, time: noon + second, signal: 6, fields: { namespace: "demo", pod: "web-1" } }),
  { comm: "third", pid: 3, time: noon + 2 * second, fields: { reason: "vacuumed" } }
]

const comms = (json: string) =>
  (JSON.parse(json) as ReadonlyArray<{ COREDUMP_COMM: string }>).map((core) => core.COREDUMP_COMM)

describe("koredumpctl list", () => {
  it.effect("prints the old blocks into a pipe", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell(three.slice(1))
      assert.deepStrictEqual(yield* run("list"), {
        code: 0,
        stdout: `- ID: core.second.0.0123456789abcdef0123456789abcdef.2.1700000001000000
  Node: node-1
  COMM: "second" | PID: 2 | UID: 0
  Pod: web-1 | Namespace: demo
  Signal: SIGABRT (6)
  Timestamp: 2023-11-14T22:13:21Z
- ID: core.third.0.0123456789abcdef0123456789abcdef.3.1700000002000000
  Node: node-1
  COMM: "third" | PID: 3 | UID: 0
  Signal: SIGSEGV (11)
  Timestamp: 2023-11-14T22:13:22Z
  State: missing | Reason: vacuumed`,
        stderr: ""
      })
    }))

  it.effect("prints a table on a terminal", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell(three, { columns: 80 })
      assert.strictEqual(
        (yield* run("list")).stdout,
        `
TIME                 AGE  NAMESPACE  POD    PROGRAM  PID  SIGNAL   STATE    SIZE
2023-11-14 22:13:20  60m  -          -      first      1  SIGSEGV  present   5 B
2023-11-14 22:13:21  59m  demo       web-1  second     2  SIGABRT  present   5 B
2023-11-14 22:13:22  59m  -          -      third      3  SIGSEGV  missing     -`.slice(1)
      )
    }))

  it.effect("prints json as the source has it, with -1 one object", () =>
    Effect.gen(function*() {
      const { run, source } = yield* makeShell(three)
      const { cores } = yield* source.list({ state: "any" })
      assert.deepStrictEqual(JSON.parse((yield* run("list", "-o", "json")).stdout), cores)
      assert.deepStrictEqual(JSON.parse((yield* run("list", "-1", "-o", "json")).stdout), cores.at(-1))
      assert.deepStrictEqual(JSON.parse((yield* run("-1", "-ojson", "list")).stdout), cores.at(-1))
      const lines = (yield* run("list", "-o", "ndjson")).stdout.split("\n")
      assert.deepStrictEqual<unknown>(lines.map((line) => JSON.parse(line)), cores)
      assert.strictEqual((yield* run("list", "-o", "name")).stdout, cores.map(({ id }) => id).join("\n"))
      assert.match((yield* run("list", "-1", "-o", "yaml")).stdout, /^id: core\.third\./)
    }))

  const selections: ReadonlyArray<readonly [string, ReadonlyArray<string>]> = [
    ["", ["first", "second", "third"]],
    ["-r", ["third", "second", "first"]],
    ["-n demo", ["second"]],
    ["-n=", ["first", "second", "third"]],
    ["--comm first --comm third", ["first", "third"]],
    ["--signal ABRT", ["second"]],
    ["--state present", ["first", "second"]],
    ["--limit 2", ["second", "third"]],
    ["--limit 2 -r", ["third", "second"]],
    ["--since 3599s", ["second", "third"]],
    ["--until 2023-11-14T22:13:21Z", ["first"]],
    ["--q WEB-1", ["second"]],
    ["-A --pod web-1 --pod web-2", ["second"]]
  ]
  for (const [options, expected] of selections) {
    it.effect(`list ${options} → ${expected.join(", ")}`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell(three)
        const argv = options === "" ? [] : options.split(" ")
        assert.deepStrictEqual(comms((yield* run("list", "-o", "json", ...argv)).stdout), expected)
      }))
  }

  it.effect("says that nothing was found, and does not fail", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([])
      assert.deepStrictEqual(yield* run("list"), { code: 0, stdout: "", stderr: "No cores found." })
      assert.deepStrictEqual(yield* run("list", "-o", "json"), { code: 0, stdout: "[]", stderr: "No cores found." })
      assert.deepStrictEqual(yield* run("list", "-1", "-o", "json"), { code: 0, stdout: "", stderr: "No cores found." })
    }))

  it.effect("shows what there is of a partial list, and exits with 3", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell(three, { wrap: partly })
      const { code, stderr, stdout } = yield* run("list", "-o", "json")
      assert.deepStrictEqual(comms(stdout), ["first", "second", "third"])
      assert.strictEqual(stderr, "1 node could not be reached, cores may be missing: node-2")
      assert.strictEqual(code, 3)
    }))

  it.effect("says what a source's problem is", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([], {
        wrap: () => ({ list: () => Effect.fail(new NodeFailed({ detail: "Cannot reach http://x (ECONNREFUSED)." })) })
      })
      const { code, stderr, stdout } = yield* run("list")
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(stderr, /^koredumpctl: Cannot reach http:\/\/x \(ECONNREFUSED\)\.\n {2}Name a server with --server/)
    }))

  const wrong: ReadonlyArray<readonly [string, RegExp]> = [
    ["", /Say what to do/],
    ["lst", /lst.*\n.*list/],
    ["list --frobnicate", /--frobnicate/],
    ["list -x", /-x/],
    ["list -o xml", /xml/],
    ["list --since yesterday", /--since.*RFC 3339/],
    ["list --signal SIGFOO", /--signal/],
    ["list --uid root", /--uid/],
    ["list --limit 0", /--limit/],
    ["list -1w", /-w.*-1/],
    ["list extra", /extra/],
    ["get", /Name a core/],
    ["get -1a", /-1 and -a/],
    ["get -a web", /-a/],
    ["get -a -o x", /-o/],
    ["info", /Name a core/]
  ]
  for (const [line, message] of wrong) {
    it.effect(`\`${line}\` is wrong usage`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell(three)
        const { code, stderr, stdout } = yield* run(...(line === "" ? [] : line.split(" ")))
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.match(stderr, /^koredumpctl: [^\n]+\.\n {2}[^\n]+$/)
        assert.match(stderr, message)
      }))
  }
})

const watched = (format: string) =>
  Effect.gen(function*() {
    // The watch fails after three events; what they are is settled before it starts.
    const { run } = yield* makeShell([three[0]!], {
      columns: 80,
      wrap: ({ changes, list }, script) => ({
        list: (query) =>
          Effect.tap(list(query), () =>
            Effect.gen(function*() {
              const ref = yield* script.put(three[1]!)
              yield* script.lose(ref)
              yield* script.forget(ref)
            })),
        changes: (options) =>
          changes(options).pipe(
            Stream.filter(({ type }) => type !== "BOOKMARK"),
            Stream.take(3),
            // A watch has no end of its own.
            Stream.concat(Stream.fail(new Forbidden({})))
          )
      })
    })
    return yield* run("list", "-w", "-o", format)
  })

describe("koredumpctl list --watch", () => {
  it.effect("adds rows to the table", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* watched("table")
      assert.strictEqual(code, 5)
      assert.deepStrictEqual(stdout.split("\n").map((line) => line.split(/ {2,}/).slice(2, 7).join(" ")), [
        "PROGRAM PID UID SIGNAL STATE",
        "first 1 0 SIGSEGV present",
        "second 2 0 SIGABRT present",
        "second 2 0 SIGABRT missing",
        "second 2 0 SIGABRT deleted"
      ])
    }))

  it.effect("is one event a line in json", () =>
    Effect.gen(function*() {
      const events = (yield* watched("json")).stdout.split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(events.map(({ object, type }) => [type, object.COREDUMP_COMM, object.state]), [
        ["ADDED", "first", "present"],
        ["ADDED", "second", "present"],
        ["MODIFIED", "second", "missing"],
        ["DELETED", "second", "missing"]
      ])
    }))

  it.effect("ends with 130 when interrupted", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell(three)
      const fiber = yield* Effect.forkChild(run("list", "-w"), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      const exit = yield* Fiber.await(fiber)
      assert.strictEqual(exit._tag, "Failure")
    }))
})

const asPlugin = (path = "/nonexistent/config") =>
  makeShell(three, { kubectl: true, environment: { KUBECONFIG: path } })

describe("kubectl koredump list", () => {
  it.effect("shows the kubeconfig's namespace, unless another is said, or all", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = kubeconfig(directory, {
        current: "a",
        contexts: [{ name: "a", user: "u", namespace: "demo" }, { name: "b", user: "u" }]
      })
      const { run } = yield* asPlugin(path)
      const shown = (...argv: ReadonlyArray<string>) =>
        Effect.map(run("list", "-o", "json", ...argv), ({ stdout }) => comms(stdout))
      assert.deepStrictEqual(yield* shown(), ["second"])
      assert.deepStrictEqual(yield* shown("-A"), ["first", "second", "third"])
      assert.deepStrictEqual(yield* shown("-n", ""), ["first", "second", "third"])
      assert.deepStrictEqual(yield* shown("-n", "other"), [])
      // as kubectl, where the context has none
      assert.deepStrictEqual(yield* shown("--context", "b"), [])
      assert.deepStrictEqual(yield* shown("--local"), ["first", "second", "third"])
    }))

  it.effect("shows all where there is no kubeconfig, and says where it is no good", () =>
    Effect.gen(function*() {
      const none = yield* asPlugin()
      assert.deepStrictEqual(comms((yield* none.run("list", "-o", "json")).stdout), ["first", "second", "third"])
      const { code, stderr } = yield* none.run("list", "--kubeconfig", "/nonexistent/x")
      assert.deepStrictEqual([code, stderr], [
        1,
        "koredumpctl: There is no kubeconfig /nonexistent/x.\n  Say -n or -A."
      ])
    }))
})
