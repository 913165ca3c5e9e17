import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { bytes, makeApp, readProblemCode, readText } from "../support/app.ts"

const content = bytes("core")

describe("GET /apiv1/cores/metadata", () => {
  it.effect("returns all fields, with the long and the short path", () =>
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

  it.effect("has no short path on a server of several nodes", () =>
    Effect.gen(function*() {
      const { fake, request } = yield* makeApp({ node: undefined as never })
      const { id } = yield* fake.put({ content })
      assert.strictEqual(yield* readProblemCode(yield* request(`/apiv1/cores/metadata/${id}`)), "not-found")
      assert.strictEqual((yield* request(`/apiv1/cores/metadata/node-1/${id}`)).status, 200)
    }))

  it.effect("rejects an unknown core, an unknown node, and parameters", () =>
    Effect.gen(function*() {
      const { fake, request } = yield* makeApp()
      const { id, node } = yield* fake.put({ content })
      const path = "/apiv1/cores/metadata"
      assert.strictEqual(yield* readProblemCode(yield* request(`${path}/${id.replace("4242", "1")}`)), "core-not-found")
      assert.strictEqual(yield* readProblemCode(yield* request(`${path}/node-2/${id}`)), "core-not-found")
      assert.strictEqual(yield* readProblemCode(yield* request(`${path}/${node}/${id}?fields=id`)), "invalid-query")
    }))

  it.effect.prop("finds a core with any name", [Schema.Uint8Array], ([comm]) =>
    Effect.gen(function*() {
      const { fake, json } = yield* makeApp()
      const name = new TextDecoder().decode(comm.subarray(0, 15)).slice(0, 15)
      const { id, node } = yield* fake.put({ comm: name, content })
      assert.include(yield* json(`/apiv1/cores/metadata/${node}/${encodeURIComponent(id)}`), { id })
    }).pipe(Effect.scoped))
})

describe("DELETE /apiv1/cores/delete", () => {
  it.effect("deletes a core once", () =>
    Effect.gen(function*() {
      const { fake, json, request } = yield* makeApp()
      const { id, node } = yield* fake.put({ content })
      const response = yield* request(`/apiv1/cores/delete/${node}/${id}`, { method: "DELETE" })
      assert.strictEqual(yield* readText(response), "{}")
      assert.strictEqual(response.status, 200)
      assert.deepStrictEqual(yield* json("/apiv1/cores"), [])
      const again = yield* request(`/apiv1/cores/delete/${id}`, { method: "DELETE" })
      assert.strictEqual(yield* readProblemCode(again), "core-not-stored")
    }))

  it.effect("rejects deletion if it is disabled, parameters, and invalid IDs", () =>
    Effect.gen(function*() {
      const { fake, request } = yield* makeApp({ allowDelete: false })
      const { id, node } = yield* fake.put({ content })
      const remove = (path: string) =>
        Effect.flatMap(request(`/apiv1/cores/delete/${path}`, { method: "DELETE" }), readProblemCode)
      assert.strictEqual(yield* remove(`${node}/${id}`), "deletion-disabled")
      assert.strictEqual(yield* remove(`${node}/${id}?force=true`), "invalid-query")
      assert.strictEqual(yield* remove("nonsense"), "core-not-found")
    }))
})
