import { assert, it } from "@effect/vitest"
import { CoreId, measureCore } from "@koredump/core"

const measure = (value: unknown) =>
  measureCore({
    id: CoreId.make("core.x.0.0123456789abcdef0123456789abcdef.1.1700000000000000"),
    node: "node-1",
    state: "present",
    compression: "none",
    COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
    ...value as object
  })

const increase = (value: unknown) => measure({ FIELD: value }) - measure({ FIELD: "" })

it.each<readonly [string, unknown, number]>([
  // The text and its JSON.
  ["ASCII", "x".repeat(1000), 2000],
  // One character makes V8 store the whole text with two bytes for each character.
  ["ASCII with one wide character", `${"x".repeat(999)}中`, 3000],
  ["control characters, which JSON escapes", "\u0001".repeat(1000), 7000],
  ["characters outside of the basic plane", "😀".repeat(500), 3000],
  ["empty objects", Array.from({ length: 100 }, () => ({})), 100 * 64],
  ["nested arrays", [[[[[[]]]]]], 6 * 40]
])("counts at least the memory of %s", (_, value, atLeast) => {
  assert.isAtLeast(increase(value), atLeast)
  assert.isBelow(increase(value), atLeast * 5)
})
