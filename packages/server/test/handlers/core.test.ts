import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { bytes, codeOf, makeApp, textOf } from "../support.ts"

const content = bytes("core")

describe("GET /apiv1/cores/metadata", () => {
  it.effect("everything known, in both forms", () =>
    Effect.gen(function*() {
      const { fake, json } = yield* makeApp()
      const { id, node } = yield* fake.put({
        content,
        fields: { MESSAGE: "Process 4242 dumped core.", namespace: "é" }
      })
      const core = yield* json(`/apiv1/cores/metadata/${node}/${id}`)
      assert.include(core, { id, node, MESSAGE: "Process 4242 dumped core.", namespace: "é", COREDUMP_PID: 4242 })
      assert.deepStrictEqual(yield* json(`/apiv1/cores/metadata/${id}`), core)
    }))

  it.effect("a server of many nodes has no short form", () =>
    Effect.gen(function*() {
      const { fake, request } = yield* makeApp({ node: undefined as never })
      const { id } = yield* fake.put({ content })
      assert.strictEqual(yield* codeOf(yield* request(`/apiv1/cores/metadata/${id}`)), "not-found")
      assert.strictEqual((yield* request(`/apiv1/cores/metadata/node-1/${id}`)).status, 200)
    }))

  it.effect("no such core, another node, a parameter", () =>
    Effect.gen(function*() {
      const { fake, request } = yield* makeApp()
      const { id, node } = yield* fake.put({ content })
      const path = "/apiv1/cores/metadata"
      assert.strictEqual(yield* codeOf(yield* request(`${path}/${id.replace("4242", "1")}`)), "core-not-found")
      assert.strictEqual(yield* codeOf(yield* request(`${path}/node-2/${id}`)), "core-not-found")
      assert.strictEqual(yield* codeOf(yield* request(`${path}/${node}/${id}?fields=id`)), "invalid-query")
    }))

  it.effect.prop("any core can be reached", [Schema.Uint8Array], ([comm]) =>
    Effect.gen(function*() {
      const { fake, json } = yield* makeApp()
      const name = new TextDecoder().decode(comm.subarray(0, 15)).slice(0, 15)
      const { id, node } = yield* fake.put({ comm: name, content })
      assert.include(yield* json(`/apiv1/cores/metadata/${node}/${encodeURIComponent(id)}`), { id })
    }).pipe(Effect.scoped))
})

describe("DELETE /apiv1/cores/delete", () => {
  it.effect("really deletes, once", () =>
    Effect.gen(function*() {
      const { fake, json, request } = yield* makeApp()
      const { id, node } = yield* fake.put({ content })
      const response = yield* request(`/apiv1/cores/delete/${node}/${id}`, { method: "DELETE" })
      assert.strictEqual(yield* textOf(response), "{}")
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(yield* json("/apiv1/cores"), [])
      const again = yield* request(`/apiv1/cores/delete/${id}`, { method: "DELETE" })
      assert.strictEqual(yield* codeOf(again), "core-not-stored")
    }))

  it.effect("not where it is off, no core that is not there, no parameters", () =>
    Effect.gen(function*() {
      const { fake, request } = yield* makeApp({ allowDelete: false })
      const { id, node } = yield* fake.put({ content })
      const remove = (path: string) =>
        Effect.flatMap(request(`/apiv1/cores/delete/${path}`, { method: "DELETE" }), codeOf)
      assert.strictEqual(yield* remove(`${node}/${id}`), "deletion-disabled")
      assert.strictEqual(yield* remove(`${node}/${id}?force=true`), "invalid-query")
      assert.strictEqual(yield* remove("nonsense"), "core-not-found")
    }))
})
