import * as NodeServices from "@effect/platform-node/NodeServices"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { readKubeContext } from "../../src/connection/readKubeContext.ts"
import { connection, environment, kubeconfig, temporaryDirectory } from "../fixtures.ts"

const read = (
  options: { readonly kubeconfig?: string; readonly context?: string },
  variables: Record<string, string> = { KUBECONFIG: "/nonexistent/config" }
) =>
  readKubeContext(connection({
    kubeconfig: Option.fromUndefinedOr(options.kubeconfig),
    context: Option.fromUndefinedOr(options.context)
  })).pipe(Effect.provide([NodeServices.layer, environment(variables)]))

const two = {
  current: "a",
  contexts: [{ name: "a", user: "ann", namespace: "demo" }, { name: "b", user: "bob" }],
  users: { ann: { token: "ann's" }, bob: { token: "bob's" } }
}

describe("readKubeContext", () => {
  it.live("reads the current context, or another one", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      const path = kubeconfig(directory, two)
      const current = Option.getOrThrow(yield* read({ kubeconfig: path }))
      assert.deepStrictEqual([current.name, current.namespace, current.user.token, current.directory], [
        "a",
        "demo",
        "ann's",
        directory
      ])
      const other = Option.getOrThrow(yield* read({ kubeconfig: path, context: "b" }))
      assert.deepStrictEqual([other.name, other.namespace, other.user.token], ["b", undefined, "bob's"])
    }))

  it.live("merges the files of KUBECONFIG: the first definition wins, and missing files are ignored", () =>
    Effect.gen(function*() {
      const [first, second] = [yield* temporaryDirectory, yield* temporaryDirectory]
      const variables = {
        KUBECONFIG: [
          join(first, "none"),
          kubeconfig(first, { users: { ann: { token: "first" } } }),
          kubeconfig(second, two)
        ].join(":")
      }
      const found = Option.getOrThrow(yield* read({}, variables))
      assert.deepStrictEqual([found.name, found.namespace, found.user.token, found.directory], [
        "a",
        "demo",
        "first",
        first
      ])
      assert.strictEqual(Option.getOrThrow(yield* read({ context: "b" }, variables)).user.token, "bob's")
    }))

  it.live("returns none without a kubeconfig, with an empty one, or without a current context", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      assert.deepStrictEqual(yield* read({}), Option.none())
      const empty = join(directory, "empty")
      writeFileSync(empty, "")
      assert.deepStrictEqual(yield* read({ kubeconfig: empty }), Option.none())
      assert.deepStrictEqual(yield* read({ kubeconfig: kubeconfig(directory, { ...two, current: "" }) }), Option.none())
    }))

  it.live("accepts null values, which kubectl writes", () =>
    Effect.gen(function*() {
      const path = join(yield* temporaryDirectory, "config")
      writeFileSync(path, "contexts: null\nusers: null\nclusters:\ncurrent-context: \"\"\npreferences: {}\n")
      assert.deepStrictEqual(yield* read({ kubeconfig: path }), Option.none())
    }))

  const invalid: ReadonlyArray<readonly [string, string, RegExp]> = [
    ["invalid YAML", "users: [{name: x, user: {token: s3cret}", /^Kubeconfig \/\S+ is not valid YAML\.$/],
    ["another structure", "users: {token: s3cret}", /^File \/\S+ is not a kubeconfig\.$/],
    ["another type", "users: [{name: x, user: {token: [s3cret]}}]", /^File \/\S+ is not a kubeconfig\.$/],
    ["an unknown context", "current-context: x", /^Context "x" not found in the kubeconfig\.$/]
  ]
  for (const [name, text, message] of invalid) {
    it.live(`rejects ${name}, without showing the contents`, () =>
      Effect.gen(function*() {
        const path = join(yield* temporaryDirectory, "config")
        writeFileSync(path, text)
        const error = yield* Effect.flip(read({ kubeconfig: path }))
        assert.match(error.message, message)
        assert.notInclude(error.message, "s3cret")
      }))
  }

  it.live("rejects a specified file that does not exist or is not readable", () =>
    Effect.gen(function*() {
      const directory = yield* temporaryDirectory
      assert.match(
        (yield* Effect.flip(read({ kubeconfig: join(directory, "none") }))).message,
        /^Kubeconfig not found: \//
      )
      mkdirSync(join(directory, "config"))
      assert.match(
        (yield* Effect.flip(read({ kubeconfig: join(directory, "config") }))).message,
        /^Cannot read kubeconfig \S+: is a directory\.$/
      )
    }))
})
