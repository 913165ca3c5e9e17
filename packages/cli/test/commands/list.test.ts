import { assert, describe, it } from "@effect/vitest"
import { Forbidden, NodeFailed } from "@koredump/core"
import { Effect, Stream } from "effect"
import { kubeconfig, makeShell, noon, stored, temporaryDirectory, withUnreachableNode } from "../fixtures.ts"

const second = 1_000_000
const three = [
  stored({ comm: "first", pid: 1, time: noon }),
  stored({ comm: "second", pid: 2, time: noon + second, signal: 6, fields: { namespace: "demo", pod: "web-1" } }),
  { comm: "third", pid: 3, time: noon + 2 * second, fields: { reason: "vacuumed" } }
]

const comms = (json: string) =>
  (JSON.parse(json) as ReadonlyArray<{ COREDUMP_COMM: string }>).map((core) => core.COREDUMP_COMM)

describe("koredumpctl list", () => {
  it.effect("prints the blocks of koredump 0.4 to a pipe", () =>
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

  it.effect("prints a table to a terminal", () =>
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

  it.effect("prints JSON as the source returns it, with -1 one object", () =>
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
    it.effect(`\`list ${options}\` shows ${expected.join(", ")}`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell(three)
        const argv = options === "" ? [] : options.split(" ")
        assert.deepStrictEqual(comms((yield* run("list", "-o", "json", ...argv)).stdout), expected)
      }))
  }

  it.effect("prints a notice if nothing was found, and succeeds", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([])
      assert.deepStrictEqual(yield* run("list"), { code: 0, stdout: "", stderr: "No cores found." })
      assert.deepStrictEqual(yield* run("list", "-o", "json"), { code: 0, stdout: "[]", stderr: "No cores found." })
      assert.deepStrictEqual(yield* run("list", "-1", "-o", "json"), { code: 0, stdout: "", stderr: "No cores found." })
    }))

  it.effect("prints a partial list, and exits with 3", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell(three, { wrap: withUnreachableNode })
      const { code, stderr, stdout } = yield* run("list", "-o", "json")
      assert.deepStrictEqual(comms(stdout), ["first", "second", "third"])
      assert.strictEqual(stderr, "1 node unreachable, cores may be missing: node-2")
      assert.strictEqual(code, 3)
    }))

  it.effect("prints problems of the source with a hint", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell([], {
        wrap: () => ({ list: () => Effect.fail(new NodeFailed({ detail: "Cannot reach http://x (ECONNREFUSED)." })) })
      })
      const { code, stderr, stdout } = yield* run("list")
      assert.deepStrictEqual([code, stdout], [1, ""])
      assert.match(
        stderr,
        /^koredumpctl: Cannot reach http:\/\/x \(ECONNREFUSED\)\.\n {2}Check that the server is running\. Use --server URL for another server/
      )
    }))

  const invalid: ReadonlyArray<readonly [string, RegExp]> = [
    ["", /No command specified/],
    ["lst", /Unknown command: lst\.\n.*list/],
    ["list --frobnicate", /Unknown flag: --frobnicate\./],
    ["list -x", /-x/],
    ["list -o xml", /xml/],
    ["list --since 2h --since 3h", /^koredumpctl: Flag --since can be used only once\.\n/],
    ["list --since yesterday", /Invalid value for flag --since: "yesterday"\. It must be .*RFC 3339/],
    ["list --signal SIGFOO", /--signal/],
    ["list --uid root", /--uid/],
    ["list --limit 0", /--limit/],
    ["list -1w", /-w.*-1/],
    ["list extra", /extra/],
    ["get", /No core specified/],
    ["get -1a", /-1 and -a/],
    ["get -a web", /-a/],
    ["get -a -o x", /-o/],
    ["info", /No core specified/]
  ]
  for (const [line, message] of invalid) {
    it.effect(`rejects \`${line}\` as invalid usage`, () =>
      Effect.gen(function*() {
        const { run } = yield* makeShell(three)
        const { code, stderr, stdout } = yield* run(...(line === "" ? [] : line.split(" ")))
        assert.deepStrictEqual([code, stdout], [2, ""])
        assert.match(stderr, /^koredumpctl: [^\n]+\.\n {2}[^\n]+$/)
        assert.match(stderr, message)
      }))
  }
})

const watchThreeEvents = (format: string) =>
  Effect.gen(function*() {
    // The list is followed by three changes, which the watch reports before it fails.
    const { run } = yield* makeShell([three[0]!], {
      columns: 80,
      wrap: ({ changes, list }, script) => ({
        list: (query) =>
          Effect.tap(list(query), () =>
            Effect.gen(function*() {
              const ref = yield* script.put(three[1]!)
              yield* script.removeFile(ref)
              yield* script.remove(ref)
            })),
        changes: (options) =>
          changes(options).pipe(
            Stream.filter(({ type }) => type !== "BOOKMARK"),
            Stream.take(3),
            // A watch never ends by itself.
            Stream.concat(Stream.fail(new Forbidden({})))
          )
      })
    })
    return yield* run("list", "-w", "-o", format)
  })

describe("koredumpctl list --watch", () => {
  it.effect("adds rows to the table", () =>
    Effect.gen(function*() {
      const { code, stdout } = yield* watchThreeEvents("table")
      assert.strictEqual(code, 5)
      assert.deepStrictEqual(stdout.split("\n").map((line) => line.split(/ {2,}/).slice(2, 7).join(" ")), [
        "PROGRAM PID UID SIGNAL STATE",
        "first 1 0 SIGSEGV present",
        "second 2 0 SIGABRT present",
        "second 2 0 SIGABRT missing",
        "second 2 0 SIGABRT deleted"
      ])
    }))

  it.effect("prints one event per line as JSON", () =>
    Effect.gen(function*() {
      const events = (yield* watchThreeEvents("json")).stdout.split("\n").map((line) => JSON.parse(line))
      assert.deepStrictEqual(events.map(({ object, type }) => [type, object.COREDUMP_COMM, object.state]), [
        ["ADDED", "first", "present"],
        ["ADDED", "second", "present"],
        ["MODIFIED", "second", "missing"],
        ["DELETED", "second", "missing"]
      ])
    }))

  it.effect("ends with 130 when interrupted", () =>
    Effect.gen(function*() {
      const { run } = yield* makeShell(three, { wrap: () => ({ changes: () => Stream.fromEffect(Effect.interrupt) }) })
      const { code, stderr } = yield* run("list", "-w")
      assert.deepStrictEqual([code, stderr], [130, ""])
    }))
})

const makePluginShell = (path = "/nonexistent/config") =>
  makeShell(three, { kubectl: true, environment: { KUBECONFIG: path } })

describe("kubectl koredump list", () => {
  it.effect("shows the namespace of the kubeconfig, unless another or all are selected", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = kubeconfig(directory, {
        current: "a",
        contexts: [{ name: "a", user: "u", namespace: "demo" }, { name: "b", user: "u" }]
      })
      const { run } = yield* makePluginShell(path)
      const shown = (...argv: ReadonlyArray<string>) =>
        Effect.map(run("list", "-o", "json", ...argv), ({ stdout }) => comms(stdout))
      assert.deepStrictEqual(yield* shown(), ["second"])
      assert.deepStrictEqual(yield* shown("-A"), ["first", "second", "third"])
      assert.deepStrictEqual(yield* shown("-n", ""), ["first", "second", "third"])
      assert.deepStrictEqual(yield* shown("-n", "other"), [])
      // as in kubectl, if the context has no namespace
      assert.deepStrictEqual(yield* shown("--context", "b"), [])
      assert.deepStrictEqual(yield* shown("--local"), ["first", "second", "third"])
    }))

  it.effect("shows all namespaces without a kubeconfig, and rejects an unusable one", () =>
    Effect.gen(function*() {
      const none = yield* makePluginShell()
      assert.deepStrictEqual(comms((yield* none.run("list", "-o", "json")).stdout), ["first", "second", "third"])
      const { code, stderr } = yield* none.run("list", "--kubeconfig", "/nonexistent/x")
      assert.deepStrictEqual([code, stderr], [
        1,
        "koredumpctl: Kubeconfig not found: /nonexistent/x.\n  Select a namespace with -n NAMESPACE, or all namespaces with -A."
      ])
    }))
})
