import { assert, it } from "@effect/vitest"
import { Option, Schema } from "effect"
import { decodeContinue, encodeContinue } from "../../src/source/CorePosition.ts"

it.prop("decodes an encoded position", [Schema.Finite, Schema.String], ([key, node]) => {
  const position = { key, time: 1.5, node, id: "core.x" }
  // JSON has no negative zero
  assert.deepStrictEqual(
    Option.getOrThrow(decodeContinue({ sort: "size" }, encodeContinue({ sort: "size", order: "asc" }, position))),
    { ...position, key: key + 0 }
  )
})
