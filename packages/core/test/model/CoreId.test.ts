import { assert, describe, it } from "@effect/vitest"
import { coreIdMicros, coreStem, escapeComm, formatCoreId, parseCoreId, unescapeComm } from "@koredump/core"
import { Option, Schema } from "effect"
import { CoreId } from "../../src/model/CoreId.ts"

const boot = "751c449cf1bc47708e93be6dfdbb55a0"

describe("parseCoreId", () => {
  // Names from real systems.
  it.each([
    [`core.deep.0.${boot}.12118.1795425477000000.zst`, "deep", 0, 12_118, "zstd"],
    [`core.web\\x20server\\x2ev1.0.${boot}.12243.1795425478000000.zst`, "web server.v1", 0, 12_243, "zstd"],
    [`core.kw\\x5c303\\x5c266rker.1000.${boot}.12263.1795425478000000.lz4`, "kw\\303\\266rker", 1000, 12_263, "lz4"],
    [`core.kw\\xc3\\xb6rker.1000.${boot}.12263.1795425478000000.xz`, "kwörker", 1000, 12_263, "xz"],
    [`core.a\\x2fb\\x20c.0.${boot}.12303.1795425478000000`, "a/b c", 0, 12_303, "none"],
    [`core.\\x5c001\\x5c377\\x5c"%#?&+.0.${boot}.12323.1795425478000000.zst`, "\\001\\377\\\"%#?&+", 0, 12_323, "zstd"],
    [`core..0.${boot}.1.1795425478000000`, "", 0, 1, "none"]
  ])("parses %s", (name, comm, uid, pid, compression) => {
    const parts = Option.getOrThrow(parseCoreId(name))
    assert.deepStrictEqual(
      { comm: parts.comm, uid: parts.uid, pid: parts.pid, bootId: parts.bootId, compression: parts.compression },
      { comm, uid, pid, bootId: boot, compression: compression as typeof parts.compression }
    )
  })

  it.each([
    ["a word", "README"],
    ["a temporary file", `.#core.deep.0.${boot}.1.1000000.zst0123456789abcdef`],
    ["an unknown extension", `core.deep.0.${boot}.1.1000000.gz`],
    ["a raw space", `core.a b.0.${boot}.1.1000000`],
    ["a raw dot", `core.a.b.0.${boot}.1.1000000`],
    ["a slash", `core.a/b.0.${boot}.1.1000000`],
    ["a parent directory", `core.../../x.0.${boot}.1.1000000`],
    ["a needless escape", `core.\\x61.0.${boot}.1.1000000`],
    ["an escape in upper case", `core.\\x2E.0.${boot}.1.1000000`],
    ["half an escape", `core.\\x2.0.${boot}.1.1000000`],
    ["a raw byte", `core.kwörker.0.${boot}.1.1000000`],
    ["a short boot id", `core.deep.0.${boot.slice(1)}.1.1000000`],
    ["a boot id in upper case", `core.deep.0.${boot.toUpperCase()}.1.1000000`],
    ["leading zeros", `core.deep.00.${boot}.1.1000000`],
    ["a line end", `core.deep.0.${boot}.1.1000000\n`],
    ["nothing", ""]
  ])("rejects %s", (_, name) => assert.isTrue(Option.isNone(parseCoreId(name))))

  it.prop(
    "is the inverse of formatCoreId for all bytes of a comm",
    {
      comm: Schema.Array(Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 255 })))).pipe(
        Schema.check(Schema.isMaxLength(15))
      ),
      uid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 4_294_967_294 }))),
      pid: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 1, maximum: 4_194_304 }))),
      seconds: Schema.Int.pipe(Schema.check(Schema.isBetween({ minimum: 0, maximum: 4_294_967_295 }))),
      compression: Schema.Literals(["zstd", "lz4", "xz", "none"])
    },
    ({ comm, compression, pid, seconds, uid }) => {
      const parts = {
        comm: Uint8Array.from(comm),
        uid,
        bootId: boot,
        pid,
        usec: BigInt(seconds) * 1_000_000n,
        compression
      }
      const name = formatCoreId(parts)
      const parsed = Option.getOrThrow(parseCoreId(name))
      assert.deepStrictEqual(
        { uid: parsed.uid, pid: parsed.pid, usec: parsed.usec, compression: parsed.compression },
        { uid, pid, usec: parts.usec, compression }
      )
      assert.strictEqual(parsed.comm, new TextDecoder().decode(parts.comm))
      assert.deepStrictEqual(unescapeComm(escapeComm(parts.comm)), parts.comm)
      assert.isTrue(/^[\x21-\x7e]*$/.test(name) && !name.includes("/"))
      assert.isFalse(coreStem(name).endsWith(".zst"))
    }
  )

  it.prop("never throws, and accepts only text that formats to itself", [Schema.String], ([text]) => {
    const parts = Option.getOrUndefined(parseCoreId(text))
    if (parts !== undefined) assert.strictEqual(formatCoreId(parts), text)
  })
})

describe("coreIdMicros", () => {
  it.each([
    ["1795425477000000", 1_795_425_477_000_000],
    ["1598546178000000000000", 1_598_546_178_000_000]
  ])("converts %s", (usec, micros) =>
    assert.strictEqual(
      coreIdMicros(Option.getOrThrow(parseCoreId(`core.x.0.${boot}.1.${usec}`))),
      micros
    ))
})

it("limits the length of a core ID", () => {
  assert.isFalse(Schema.is(CoreId)(`core.${"a".repeat(300)}.0.${boot}.1.1000000`))
})
