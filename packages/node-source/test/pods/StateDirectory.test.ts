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

const stemOf = (pid: number) => `core.crashme.0.0123456789abcdef0123456789abcdef.${pid}.1700000000000000`
const stem = stemOf(1)
const isKept = (directory: string, stem: string) => existsSync(join(directory, `${stem}.json`))
const pod = {
  cgroup: { podUid: "7260904bbd08e72e4dff95d9fccd2ee8", containerId: "a".repeat(64) },
  identity: { namespace: "shop", pod: "web-0", pod_uid: "dde1244b-5bb5-4297-b544-85f3bc0d80bf", image_name: "web:1" }
}

/** A directory, what it says, and a wait: what it says tells when to look. */
const open = Effect.fnUntraced(function*(path: string) {
  const odd: Array<string> = []
  const lacking: Array<string | undefined> = []
  const told = yield* Queue.unbounded<string | undefined>()
  const state = makeStateDirectory(path, {
    odd: (name, why) => odd.push(`${name}: ${why}`),
    lacking: (why) => {
      lacking.push(why)
      Queue.offerUnsafe(told, why)
    }
  })
  yield* Effect.forkScoped(state.run)
  const until = Effect.fnUntraced(function*(holds: () => boolean) {
    do yield* Queue.take(told)
    while (!holds())
  })
  yield* until(() => true)
  return { state, odd, lacking, until }
})

describe("StateDirectory", () => {
  it.live("keeps a pod for those who come later, for nobody else to read", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "var/state")
      const first = yield* open(path)
      first.state.keep(stem, pod)
      yield* first.until(() => isKept(path, stem))
      assert.deepStrictEqual(readdirSync(path), [`${stem}.json`])
      assert.strictEqual(statSync(join(path, `${stem}.json`)).mode & 0o777, 0o600)
      assert.strictEqual(statSync(path).mode & 0o777, 0o700)
      const second = yield* open(path)
      assert.deepStrictEqual(second.state.recall(stem), pod)
      assert.isUndefined(second.state.recall(stemOf(2)))
      assert.deepStrictEqual(second.odd, [])
    }))

  it.live("two at once do not disturb each other", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const both = [yield* open(path), yield* open(path)]
      for (let pid = 1; pid <= 50; pid++) {
        for (const { state } of both) state.keep(stemOf(pid), pod)
      }
      for (const { until } of both) yield* until(() => isKept(path, stemOf(50)))
      assert.deepStrictEqual(readdirSync(path).filter((name) => !name.startsWith(".tmp-")).length, 50)
      for (let pid = 1; pid <= 50; pid++) assert.deepStrictEqual(both[0]!.state.recall(stemOf(pid)), pod)
      for (const { lacking } of both) assert.isTrue(lacking.every((why) => why === undefined))
    }))

  it.live("uses nothing that is not its own", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { odd, state, until } = yield* open(path)
      state.keep(stem, pod)
      yield* until(() => isKept(path, stem))
      const good = readFileSync(join(path, `${stem}.json`), "utf8")
      const file = (pid: number) => join(path, `${stemOf(pid)}.json`)
      writeFileSync(file(2), good)
      writeFileSync(file(3), good.slice(0, 40))
      writeFileSync(file(4), " ".repeat(1 << 20))
      symlinkSync(join(path, `${stem}.json`), file(5))
      execFileSync("mkfifo", [file(6)])
      mkdirSync(file(7))
      writeFileSync(file(8), Uint8Array.of(0xff, 0, 0xfe))
      writeFileSync(file(9), good.replace(stem, stemOf(9)).replace("\"shop\"", "[\"shop\"]"))
      writeFileSync(file(10), "")
      for (let pid = 2; pid <= 10; pid++) assert.isUndefined(state.recall(stemOf(pid)), String(pid))
      assert.isUndefined(state.recall(`core.${"x".repeat(300)}`))
      assert.deepStrictEqual(odd.map((line) => line.slice(line.indexOf(": ") + 2)), [
        "not what was written there",
        "not what was written there",
        "too large",
        "a link",
        "not a regular file",
        "not a regular file",
        "not what was written there",
        "not what was written there",
        "not what was written there"
      ])
      state.keep(stemOf(3), pod)
      yield* until(() => state.recall(stemOf(3)) !== undefined)
      assert.deepStrictEqual(state.recall(stemOf(3)), pod)
    }))

  it.live("believes no other user's file", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { odd, state, until } = yield* open(path)
      state.keep(stem, pod)
      yield* until(() => isKept(path, stem))
      assert.isDefined(state.recall(stem))
      // Only the mighty can give a file away: here it is the process that becomes another.
      const user = vi.spyOn(process, "geteuid").mockReturnValue(statSync(path).uid + 1)
      assert.isUndefined(state.recall(stem))
      user.mockRestore()
      assert.match(odd.join(), /another user's/)
    }))

  it.live("removes what has not been known for two sweeps, and nothing else", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { state, until } = yield* open(path)
      for (const pid of [1, 2, 3]) state.keep(stemOf(pid), pod)
      yield* until(() => [1, 2, 3].every((pid) => isKept(path, stemOf(pid))))
      writeFileSync(join(path, "notes.json"), "")
      writeFileSync(join(path, ".tmp-new"), "")
      writeFileSync(join(path, ".tmp-old"), "")
      utimesSync(join(path, ".tmp-old"), 1, 1)
      mkdirSync(join(path, `${stemOf(9)}.json`))
      yield* state.sweep((known) => known === stem)
      assert.strictEqual(readdirSync(path).length, 6)
      yield* state.sweep((known) => known === stem || known === stemOf(2))
      yield* state.sweep((known) => known === stem)
      assert.deepStrictEqual(readdirSync(path).toSorted(), [
        ".tmp-new",
        `${stem}.json`,
        `${stemOf(2)}.json`,
        `${stemOf(9)}.json`,
        "notes.json"
      ])
    }))

  it.live("says that it cannot write, and writes when it can again", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "state")
      const { lacking, state, until } = yield* open(path)
      renameSync(path, `${path}.away`)
      writeFileSync(path, "a file")
      state.keep(stem, pod)
      yield* until(() => lacking.at(-1) !== undefined)
      assert.strictEqual(lacking.at(-1), `state directory ${path}: it is not a directory`)
      assert.isUndefined(state.recall(stem))
      rmSync(path)
      yield* until(() => lacking.at(-1) === undefined)
      assert.isTrue(isKept(path, stem))
      assert.isUndefined(lacking.at(-1))
    }), 20_000)

  it.live("does not wait for ever to write what is no longer known", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "state")
      const { lacking, state, until } = yield* open(path)
      renameSync(path, `${path}.away`)
      writeFileSync(path, "a file")
      for (const pid of [1, 2, 3]) state.keep(stemOf(pid), pod)
      yield* until(() => lacking.at(-1) !== undefined)
      yield* state.sweep((known) => known === stem)
      rmSync(path)
      yield* until(() => lacking.at(-1) === undefined)
      assert.deepStrictEqual(readdirSync(path), [`${stem}.json`])
    }), 20_000)

  it.live("passes over what cannot be kept", () =>
    Effect.gen(function*() {
      const path = yield* temporaryDirectory
      const { odd, state, until } = yield* open(path)
      state.keep(stemOf(2), { ...pod, identity: { ...pod.identity, image_name: "x".repeat(10_000) } })
      state.keep(`core.${"x".repeat(300)}`, pod)
      state.keep(stem, pod)
      yield* until(() => isKept(path, stem))
      assert.deepStrictEqual(readdirSync(path), [`${stem}.json`])
      assert.strictEqual(odd.length, 2)
    }))

  it.live("says that the directory cannot be used", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      writeFileSync(join(directory, "file"), "")
      const { lacking, state } = yield* open(join(directory, "file/state"))
      assert.match(lacking.join(), /^state directory .*\/file\/state: it is not a directory$/)
      assert.isUndefined(state.recall(stem))
      yield* state.sweep(() => false)
    }))
})
