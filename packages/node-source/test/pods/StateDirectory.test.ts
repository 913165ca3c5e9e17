import { assert, describe, it, vi } from "@effect/vitest"
import { Effect, Queue } from "effect"
import { execFileSync } from "node:child_process"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { join } from "node:path"
import { makeStateDirectory } from "../../src/pods/StateDirectory.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const toStem = (pid: number) => `core.crashme.0.0123456789abcdef0123456789abcdef.${pid}.1700000000000000`
const stem = toStem(1)
const isSaved = (directory: string, stem: string) => existsSync(join(directory, `${stem}.json`))
const pod = {
  cgroup: { podUid: "7260904bbd08e72e4dff95d9fccd2ee8", containerId: "a".repeat(64) },
  identity: { namespace: "shop", pod: "web-0", pod_uid: "dde1244b-5bb5-4297-b544-85f3bc0d80bf", image_name: "web:1" }
}

/**
 * Opens a state directory and records its events. A failure is its reason, a recovery is undefined. `waitUntil` checks the
 * condition after each of these events.
 */
const open = Effect.fnUntraced(function*(path: string) {
  const invalid: Array<string> = []
  const failures: Array<string | undefined> = []
  const events = yield* Queue.unbounded<string | undefined>()
  const onEvent = (reason: string | undefined) => {
    failures.push(reason)
    Queue.offerUnsafe(events, reason)
  }
  const state = makeStateDirectory(path, {
    onInvalidFile: (name, reason) => invalid.push(`${name}: ${reason}`),
    onFailed: onEvent,
    onRecovered: () => onEvent(undefined)
  })
  yield* Effect.forkScoped(state.run)
  const waitUntil = Effect.fnUntraced(function*(holds: () => boolean) {
    do yield* Queue.take(events)
    while (!holds())
  })
  yield* waitUntil(() => true)
  return { state, invalid, failures, waitUntil }
})

describe("StateDirectory", () => {
  it.live("saves a pod for later runs, in a file that only its owner can read", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "var/state")
      const first = yield* open(path)
      first.state.save(stem, pod)
      yield* first.waitUntil(() => isSaved(path, stem))
      assert.deepStrictEqual(readdirSync(path), [`${stem}.json`])
      assert.strictEqual(statSync(join(path, `${stem}.json`)).mode & 0o777, 0o600)
      assert.strictEqual(statSync(path).mode & 0o777, 0o700)
      const second = yield* open(path)
      assert.deepStrictEqual(second.state.load(stem), pod)
      assert.isUndefined(second.state.load(toStem(2)))
      assert.deepStrictEqual(second.invalid, [])
    }))

  it.live("two servers can write to the same directory", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const both = [yield* open(path), yield* open(path)]
      for (let pid = 1; pid <= 50; pid++) {
        for (const { state } of both) state.save(toStem(pid), pod)
      }
      for (const { waitUntil } of both) yield* waitUntil(() => isSaved(path, toStem(50)))
      assert.deepStrictEqual(readdirSync(path).filter((name) => !name.startsWith(".tmp-")).length, 50)
      for (let pid = 1; pid <= 50; pid++) assert.deepStrictEqual(both[0]!.state.load(toStem(pid)), pod)
      for (const { failures } of both) assert.isTrue(failures.every((reason) => reason === undefined))
    }))

  it.live("does not use damaged, renamed or replaced files", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { invalid, state, waitUntil } = yield* open(path)
      state.save(stem, pod)
      yield* waitUntil(() => isSaved(path, stem))
      const good = readFileSync(join(path, `${stem}.json`), "utf8")
      const file = (pid: number) => join(path, `${toStem(pid)}.json`)
      writeFileSync(file(2), good)
      writeFileSync(file(3), good.slice(0, 40))
      writeFileSync(file(4), " ".repeat(1 << 20))
      symlinkSync(join(path, `${stem}.json`), file(5))
      execFileSync("mkfifo", [file(6)])
      mkdirSync(file(7))
      writeFileSync(file(8), Uint8Array.of(0xff, 0, 0xfe))
      writeFileSync(file(9), good.replace(stem, toStem(9)).replace("\"shop\"", "[\"shop\"]"))
      writeFileSync(file(10), "")
      for (let pid = 2; pid <= 10; pid++) assert.isUndefined(state.load(toStem(pid)), String(pid))
      assert.isUndefined(state.load(`core.${"x".repeat(300)}`))
      assert.deepStrictEqual(invalid.map((line) => line.slice(line.indexOf(": ") + 2)), [
        "content does not match the name",
        "content does not match the name",
        "too large",
        "is a symbolic link",
        "not a regular file",
        "not a regular file",
        "content does not match the name",
        "content does not match the name",
        "content does not match the name"
      ])
      state.save(toStem(3), pod)
      yield* waitUntil(() => state.load(toStem(3)) !== undefined)
      assert.deepStrictEqual(state.load(toStem(3)), pod)
    }))

  it.live("does not use a file of another user", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { invalid, state, waitUntil } = yield* open(path)
      state.save(stem, pod)
      yield* waitUntil(() => isSaved(path, stem))
      assert.isDefined(state.load(stem))
      // Only root can change the owner of a file, so change the user of the process instead.
      const user = vi.spyOn(process, "geteuid").mockReturnValue(statSync(path).uid + 1)
      assert.isUndefined(state.load(stem))
      user.mockRestore()
      assert.match(invalid.join(), /owned by another user/)
    }))

  it.live("removes files of cores that are unknown for two sweeps, and nothing else", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { state, waitUntil } = yield* open(path)
      for (const pid of [1, 2, 3]) state.save(toStem(pid), pod)
      yield* waitUntil(() => [1, 2, 3].every((pid) => isSaved(path, toStem(pid))))
      writeFileSync(join(path, "notes.json"), "")
      writeFileSync(join(path, ".tmp-new"), "")
      writeFileSync(join(path, ".tmp-old"), "")
      utimesSync(join(path, ".tmp-old"), 1, 1)
      mkdirSync(join(path, `${toStem(9)}.json`))
      yield* state.sweep((known) => known === stem)
      assert.strictEqual(readdirSync(path).length, 6)
      yield* state.sweep((known) => known === stem || known === toStem(2))
      yield* state.sweep((known) => known === stem)
      assert.deepStrictEqual(readdirSync(path).toSorted(), [
        ".tmp-new",
        `${stem}.json`,
        `${toStem(2)}.json`,
        `${toStem(9)}.json`,
        "notes.json"
      ])
    }))

  it.live("reports that it cannot write, and writes when it can again", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "state")
      const { failures, state, waitUntil } = yield* open(path)
      renameSync(path, `${path}.away`)
      writeFileSync(path, "a file")
      state.save(stem, pod)
      yield* waitUntil(() => failures.at(-1) !== undefined)
      assert.strictEqual(failures.at(-1), "not a directory")
      assert.isUndefined(state.load(stem))
      rmSync(path)
      yield* waitUntil(() => failures.at(-1) === undefined)
      assert.isTrue(isSaved(path, stem))
      assert.isUndefined(failures.at(-1))
    }), 20_000)

  it.live("drops queued files of unknown cores", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "state")
      const { failures, state, waitUntil } = yield* open(path)
      renameSync(path, `${path}.away`)
      writeFileSync(path, "a file")
      for (const pid of [1, 2, 3]) state.save(toStem(pid), pod)
      yield* waitUntil(() => failures.at(-1) !== undefined)
      yield* state.sweep((known) => known === stem)
      rmSync(path)
      yield* waitUntil(() => failures.at(-1) === undefined)
      assert.deepStrictEqual(readdirSync(path), [`${stem}.json`])
    }), 20_000)

  it.live("skips pods that are too large to save", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { invalid, state, waitUntil } = yield* open(path)
      state.save(toStem(2), { ...pod, identity: { ...pod.identity, image_name: "x".repeat(10_000) } })
      state.save(`core.${"x".repeat(300)}`, pod)
      state.save(stem, pod)
      yield* waitUntil(() => isSaved(path, stem))
      assert.deepStrictEqual(readdirSync(path), [`${stem}.json`])
      assert.strictEqual(invalid.length, 2)
    }))

  it.live("reports that the directory cannot be created", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "file"), "")
      const { failures, state } = yield* open(join(directory, "file/state"))
      assert.deepStrictEqual(failures, ["not a directory"])
      assert.isUndefined(state.load(stem))
      yield* state.sweep(() => false)
    }))
})
