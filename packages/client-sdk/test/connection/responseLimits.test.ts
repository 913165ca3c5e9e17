import { assert, it } from "@effect/vitest"
import { maxMetadataBytes, parseBoundedJson, parseStackTrace } from "@koredump/core"
import { Result } from "effect"
import { nodeLimits, toClientLimits } from "../../src/connection/responseLimits.ts"

it("lets the metadata with the longest stack trace pass", () => {
  const frames = "#0  0x00007f3c1a2b3c4d some_function (libc.so.6 + 0x1139)\n".repeat(1024)
  const message = Array.from({ length: 1024 }, (_, tid) => `Stack trace of thread ${tid}:\n${frames}`).join("")
  const stack = parseStackTrace(`Module libc.so.6 with build-id ${"0".repeat(40)}\n${message}`)
  const metadata = JSON.stringify({
    stack,
    ...Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`COREDUMP_FIELD_${i}`, "value"]))
  })
  for (const limits of [nodeLimits, toClientLimits()]) {
    assert.isTrue(Result.isSuccess(parseBoundedJson(metadata, limits.metadata)))
  }
})

it("accepts the metadata of a server, and lists as large as the user allows", () => {
  assert.strictEqual(toClientLimits().metadata.maxBytes, maxMetadataBytes)
  assert.strictEqual(toClientLimits().list.maxBytes, 256 * 1024 * 1024)
  assert.strictEqual(toClientLimits(1000).list.maxBytes, 1000)
  assert.strictEqual(toClientLimits(1000).metadata.maxBytes, 1000)
})
