import { assert, describe, it } from "@effect/vitest"
import { blockSize } from "@koredump/core"
import { makeJsonArray } from "../../src/http/jsonArray.ts"

const encode = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))

const text = (length: number) => "x".repeat(length)

describe("makeJsonArray", () => {
  it.each<readonly [string, ReadonlyArray<unknown>]>([
    ["no items", []],
    ["one item", [{ a: "é" }]],
    ["several items", [1, { b: [2, 3] }, "c"]],
    ["a thousand items", Array.from({ length: 1000 }, (_, i) => ({ i, text: text(i) }))],
    ["items longer than a block", [text(blockSize * 2 + 5), text(7), text(blockSize)]],
    // The quotes, the brackets and the comma are at the ends of blocks.
    ["an item that ends with a block", [text(blockSize - 3), 1]],
    ["a comma that ends a block", [text(blockSize - 4), 1]],
    ["a bracket that ends a block", [text(blockSize - 4)]],
    ["a bracket after a block", [text(blockSize - 3)]]
  ])("has the bytes of %s", async (_, items) => {
    const expected = Buffer.from(encode(items))
    const array = makeJsonArray(items.map(encode))
    assert.strictEqual(array.length, expected.length)
    assert.isTrue(Buffer.concat([...array.blocks()]).equals(expected))
    const { read, release } = makeJsonArray(items.map(encode))
    const { signal } = new AbortController()
    const copies: Array<Uint8Array> = []
    for (let block = await read(signal); block !== undefined; block = await read(signal)) {
      assert.isAtMost(block.length, blockSize)
      copies.push(Uint8Array.from(block))
    }
    release()
    assert.isTrue(Buffer.concat(copies).equals(expected))
  })
})
