import { assert, describe, it } from "@effect/vitest"
import { formatCoreId } from "@koredump/core"
import { Schema } from "effect"
import { formatAttachment } from "../../src/http/contentDisposition.ts"

const bootId = "0123456789abcdef0123456789abcdef"

describe("formatAttachment", () => {
  it.each([
    ["core.prog.0.b.1.2.lz4", "attachment; filename=core.prog.0.b.1.2.lz4"],
    ["core.(sd-pam).0.zst", "attachment; filename=\"core.(sd-pam).0.zst\"; filename*=UTF-8''core.%28sd-pam%29.0.zst"],
    ["a\\x20b", "attachment; filename=\"a\\\\x20b\"; filename*=UTF-8''a%5Cx20b"],
    ["a\"b", "attachment; filename=\"a\\\"b\"; filename*=UTF-8''a%22b"],
    ["a;b", "attachment; filename=\"a;b\"; filename*=UTF-8''a%3Bb"],
    ["a%41", "attachment; filename=a%41; filename*=UTF-8''a%2541"],
    ["it's*", "attachment; filename=it's*"],
    ["a,'*", "attachment; filename=\"a,'*\"; filename*=UTF-8''a%2C%27%2A"]
  ])("%s", (name, header) => {
    assert.strictEqual(formatAttachment(name), header)
  })

  it.prop("encodes the name of any core, in printable ASCII", [Schema.Uint8Array], ([comm]) => {
    const name = formatCoreId({ comm: comm.subarray(0, 15), uid: 0, bootId, pid: 1, usec: 1n, compression: "none" })
    const header = formatAttachment(name)
    assert.match(header, /^[\x20-\x7e]+$/)
    const [, quoted, token] = /^attachment; filename=(?:"((?:[^"\\]|\\.)*)"|([^\s";]+))/.exec(header)!
    assert.strictEqual(token ?? quoted!.replace(/\\(.)/g, "$1"), name)
    const extended = /; filename\*=UTF-8''([\w!#$&+.^`|~%-]+)$/.exec(header)?.[1]
    assert.strictEqual(extended === undefined ? name : decodeURIComponent(extended), name)
    assert.isTrue(extended !== undefined || token !== undefined)
  })
})
