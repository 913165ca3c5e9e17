/** No output of any command contains characters that affect a terminal or that nobody sees, whatever a source sends. */
import { assert, describe, it } from "@effect/vitest"
import { CoreNotFound, CoreNotStored, Forbidden, NodeFailed, type Problem } from "@koredump/core"
import { Effect, Stream } from "effect"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parse } from "yaml"
import { core, makeShell, node, stored } from "./fixtures.ts"

// Not from the program: C0 without line ends, DEL and C1, separators, direction, zero-width and invisible characters,
// variation selectors, tags, lone surrogates.
const forbidden =
  // oxlint-disable-next-line eslint/no-control-regex, eslint/no-misleading-character-class
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}\p{Surrogate}]/u

/** The characters that must not be printed, between letters, and some that may be. Only a part of the many equal ones. */
const allHidden = Array.from({ length: 0xf_0000 }, (_, i) => i)
  .filter((code) => (code < 0xd800 || code > 0xdfff) && code < 0xe_0000 || code % 53 === 0)
  .map((code) => String.fromCodePoint(code))
  .filter((char) => char === "\n" || forbidden.test(char)).map((char) => `x${char}`).join("") + "日本 🎉 \\ \" ' # : -"

/** A source whose every text is `text`. */
const makeHostileShell = Effect.fnUntraced(function*(text: string, columns?: number) {
  const key = text.slice(0, 100)
  const frame = { address: text, function: text, module: text, offset: text }
  const hostile = core({
    node: text,
    title: text,
    signature: text,
    reason: text,
    state: "truncated",
    namespace: text,
    pod: text,
    pod_uid: text,
    container: text,
    container_id: text,
    image_name: text,
    image_id: text,
    workload: text,
    ARCH: text,
    COREDUMP_CMDLINE: text,
    COREDUMP_COMM: text,
    COREDUMP_EXE: text,
    COREDUMP_SIGNAL_NAME: text,
    COREDUMP_HOSTNAME: text,
    COREDUMP_CGROUP: text,
    _HOSTNAME: text,
    _BOOT_ID: text,
    _MACHINE_ID: text,
    [key]: text,
    [`COREDUMP_PROC_${key}`]: { [key]: [text] },
    resourceVersion: text,
    MESSAGE: text,
    stack: { threads: [{ tid: 1, frames: [frame, { address: text }] }] }
  })
  const nodes = (["ready", "unreachable"] as const).map((state) =>
    node(text, {
      state,
      since: text,
      address: text,
      lastError: text,
      warnings: [text],
      agentVersion: text,
      corePattern: text
    })
  )
  const other = { ...hostile, id: "core.other.0.0123456789abcdef0123456789abcdef.1.1700000000000000" } as typeof hostile
  const problems: ReadonlyArray<Problem> = [
    new NodeFailed({ node: text, detail: text }),
    new CoreNotFound({ node: text, id: text }),
    new CoreNotStored({ node: text, id: text, detail: text })
  ]
  const { run } = yield* makeShell([stored({ comm: "web", pid: 1 })], {
    ...(columns === undefined ? {} : { columns }),
    wrap: ({ open }, script) => ({
      list: () => Effect.succeed({ cores: [other, hostile], resourceVersion: text, unreachable: [text] }),
      get: () => Effect.succeed(hostile),
      open: () => Effect.flatMap(script.put(stored({ comm: "web", pid: 1 })), open),
      nodes: Effect.succeed(nodes),
      changes: () =>
        Stream.concat(
          Stream.make({ type: "MODIFIED" as const, object: hostile }, { type: "DELETED" as const, object: hostile }),
          // A watch never ends by itself.
          Stream.fail(new Forbidden({ detail: text }))
        )
    })
  })
  const failing = yield* Effect.forEach(problems, (problem) =>
    makeShell([], {
      wrap: () => ({
        list: () => Effect.fail(problem),
        get: () => Effect.fail(problem),
        open: () => Effect.fail(problem),
        nodes: Effect.fail(problem)
      })
    }))
  return { run, failing, hostile, other, nodes }
})

const listFormats = ["table", "wide", "long", "name", "json", "ndjson", "yaml"]

const checkEverything = Effect.fnUntraced(function*(text: string) {
  const { failing, hostile, nodes, other, run } = yield* makeHostileShell(text)
  const terminal = yield* makeHostileShell(text, 60)
  const check = (argv: ReadonlyArray<string>) =>
    Effect.map(run(...argv), (outcome) => {
      assert.notMatch(outcome.stdout + outcome.stderr, forbidden, argv.join(" "))
      return outcome.stdout
    })
  const json = <A>(argv: ReadonlyArray<string>) => Effect.map(check(argv), (stdout): A => JSON.parse(stdout))
  const yaml = Effect.fnUntraced(function*(argv: ReadonlyArray<string>, expected: unknown) {
    // As the terminal or a file gets it.
    const stdout = `${yield* check(argv)}\n`
    assert.deepStrictEqual(parse(stdout), expected)
    assert.deepStrictEqual(parse(stdout, { version: "1.1" }), expected)
  })

  for (const format of listFormats) {
    yield* check(["list", "-o", format])
    yield* check(["list", "-w", "-o", format])
  }
  yield* Effect.forEach(
    ["list", "nodes", "status", "info -1"],
    (line) =>
      Effect.map(
        terminal.run(...line.split(" ")),
        ({ stderr, stdout }) => assert.notMatch(stdout + stderr, forbidden, line)
      )
  )
  for (const format of ["table", "wide", "name", "ndjson"]) yield* check(["nodes", "-o", format])
  for (const line of ["status", "info -1", `info ${text.replaceAll("\u0000", "")}`, "get nobody", "delete -1 --yes"]) {
    yield* check(line.split(" "))
  }
  for (const { run } of failing) {
    for (
      const line of ["list", "info -1", "get node core.other.0.0123456789abcdef0123456789abcdef.1.1", "nodes", "status"]
    ) {
      const { stderr, stdout } = yield* run(...line.split(" "))
      assert.notMatch(stdout + stderr, forbidden, line)
      assert.notInclude(stderr, "Internal error", line)
    }
  }

  assert.deepStrictEqual(yield* json(["list", "-o", "json"]), [other, hostile])
  assert.deepStrictEqual(yield* json(["info", "-1", "-o", "json"]), hostile)
  assert.deepStrictEqual(yield* json(["nodes", "-o", "json"]), nodes)
  yield* yaml(["list", "-o", "yaml"], [other, hostile])
  yield* yaml(["info", "-1", "-o", "yaml"], hostile)
  yield* yaml(["nodes", "-o", "yaml"], nodes)

  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "koredumpctl-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true }))
  )
  yield* check(["get", "-1", "-C", directory])
  const metadata = readFileSync(join(directory, readdirSync(directory).find((name) => name.endsWith(".json"))!), "utf8")
  assert.notMatch(metadata, forbidden)
  assert.deepStrictEqual(JSON.parse(metadata), hostile)
})

describe("every output", () => {
  it.effect("shows every hidden character as an escape, and keeps the values of JSON and YAML", () =>
    checkEverything(allHidden))

  it.effect("keeps text that looks like YAML, a shell's or a terminal's command", () =>
    checkEverything("---\n- a: 'b' # \"c\" \\ %x\u001b]0;t\u0007\u{e0041}$(id) `id` !1\n\n"))
}, 60_000)
