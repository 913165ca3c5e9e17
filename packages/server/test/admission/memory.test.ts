import { assert, describe, it } from "@effect/vitest"
import { detectMemoryLimit, toMaxConnections, toMaxIndexBytes } from "../../src/admission/memory.ts"

const GiB = 1024 ** 3

describe("detectMemoryLimit", () => {
  it.each([
    ["the limit of the cgroup", GiB / 2, 24 * GiB, GiB / 2],
    ["1 GiB of a large machine without a limit", 18_446_744_073_709_552_000, 24 * GiB, GiB],
    ["half of a small machine without a limit", 0, GiB, GiB / 2]
  ])("is %s", (_, constrained, total, expected) => {
    assert.strictEqual(detectMemoryLimit(constrained, total), expected)
  })
})

it("the index and connections get their shares", () => {
  assert.strictEqual(toMaxIndexBytes(GiB / 2), 171_798_691)
  assert.deepStrictEqual([toMaxConnections(GiB / 2, false), toMaxConnections(GiB / 2, true)], [2048, 512])
  assert.strictEqual(toMaxConnections(1, false), 16)
})
