import { assert, describe, it } from "@effect/vitest"
import { crashSignature, parseStackTrace } from "@koredump/core"

const exe = "/opt/demo/bin/deep"

const sign = (frames: ReadonlyArray<string>) =>
  crashSignature(
    exe,
    parseStackTrace(["Stack trace of thread 7:", ...frames.map((frame, i) => `#${i}  0x1 ${frame}`)].join("\n"))
  )

const frames = ["one (deep + 0x1)", "two (/opt/deep + 0x2)", "n/a (libfoo.so + 0x3)", "four (deep)", "five (n/a)"]

// Users keep signatures, and servers of several versions may run in one cluster. A change needs another version.
describe("value of a v1 signature", () => {
  it("is the MD5 of the executable and of function@module of each frame, in lines", () => {
    assert.strictEqual(
      sign([
        "deep3 (deep + 0x117b)",
        "deep2 (deep + 0x119d)",
        "main (deep + 0x121b)",
        "__libc_start_call_main (libc.so.6 + 0x2724a)"
      ]),
      // printf '/opt/demo/bin/deep\ndeep3@deep\ndeep2@deep\nmain@deep\n__libc_start_call_main@libc.so.6' | md5sum
      "v1-2e0d3f8105499794121c1d9bf56e129b"
    )
  })

  it("has a question mark for an unknown function or module", () => {
    assert.strictEqual(sign(frames), "v1-f52946cc7aa2a71d7b2b21d7d8a72696")
  })

  it("depends on the five innermost frames only", () => {
    assert.strictEqual(sign([...frames, "six (deep + 0x6)"]), sign(frames))
    assert.notStrictEqual(sign([...frames.slice(0, 4), "other (n/a)"]), sign(frames))
  })
})

describe("length of a line", () => {
  it("is limited to 4,096 characters", () => {
    const [frame] = parseStackTrace(`Stack trace of thread 7:\n#0  0x1 ${"f".repeat(5000)}`)!.threads[0]!.frames
    assert.strictEqual(frame?.function?.length, 4096 - "#0  0x1 ".length)
  })
})
