/**
 * The identity of a core dump: the name of the file in which systemd-coredump keeps it.
 *
 * `core.<comm>.<uid>.<boot id>.<pid>.<usec>[.zst|.lz4|.xz]`, as written by systemd's `make_filename` (coredump.c).
 * A crash whose core was never stored has the name that its file would have had.
 */
import { Option, Schema } from "effect"

/** How a stored core is compressed, told by the extension of its file. `none` has no extension. */
export const Compression = Schema.Literals(["zstd", "lz4", "xz", "none"])
export type Compression = typeof Compression.Type

const extensions = { zstd: ".zst", lz4: ".lz4", xz: ".xz", none: "" } as const satisfies Record<Compression, string>

/** What a core's file name says. */
export interface CoreIdParts {
  /** The kernel's name of the process, at most 15 bytes; bytes that are not UTF-8 are replacement characters. */
  readonly comm: string
  readonly uid: number
  /** Boot id, 32 lower-case hex digits. */
  readonly bootId: string
  /** Process id as the host sees it. */
  readonly pid: number
  /** Time of the crash as the name has it: microseconds since 1970, in whole seconds; some writers add six zeros. */
  readonly usec: bigint
  readonly compression: Compression
}

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder()
const escapedBytes = new Set([..."\\./ "].map((char) => char.charCodeAt(0)))

/** systemd's `xescape(s, "./ ")`: control bytes, bytes from 127 up, `\`, `.`, `/` and space become `\xHH`. */
export const escapeComm = (comm: Uint8Array): string => {
  let escaped = ""
  for (const byte of comm) {
    escaped += byte < 0x20 || byte >= 0x7f || escapedBytes.has(byte)
      ? `\\x${byte.toString(16).padStart(2, "0")}`
      : String.fromCharCode(byte)
  }
  return escaped
}

/** The inverse of {@link escapeComm}: the bytes of the process's name. */
export const unescapeComm = (escaped: string): Uint8Array => {
  const bytes: Array<number> = []
  for (let i = 0; i < escaped.length;) {
    if (escaped.startsWith("\\x", i)) {
      bytes.push(Number.parseInt(escaped.slice(i + 2, i + 4), 16))
      i += 4
    } else {
      bytes.push(escaped.charCodeAt(i))
      i += 1
    }
  }
  return Uint8Array.from(bytes)
}

// The comm is what xescape leaves: printable ASCII without `.`, `/`, `\` and space, or `\xHH`.
const pattern =
  /^core\.((?:[!-\-0-[\]-~]|\\x[0-9a-f]{2})*)\.(0|[1-9]\d{0,9})\.([0-9a-f]{32})\.([1-9]\d{0,9})\.(\d{1,22})(\.zst|\.lz4|\.xz)?$/

const compressionOf = (extension: string | undefined): Compression =>
  extension === ".zst" ? "zstd" : extension === ".lz4" ? "lz4" : extension === ".xz" ? "xz" : "none"

/**
 * Reads a core's file name. `none` for any name that systemd-coredump would not have given, among them names whose
 * comm is escaped where it need not be: only then is {@link formatCoreId} its exact inverse.
 */
export const parseCoreId = (name: string): Option.Option<CoreIdParts> => {
  const match = pattern.exec(name)
  if (match === null) return Option.none()
  const [, escaped = "", uid, bootId = "", pid, usec = "", extension] = match
  const comm = unescapeComm(escaped)
  if (escapeComm(comm) !== escaped) return Option.none()
  return Option.some({
    comm: utf8Decoder.decode(comm),
    uid: Number(uid),
    bootId,
    pid: Number(pid),
    usec: BigInt(usec),
    compression: compressionOf(extension)
  })
}

/** Writes the file name that systemd-coredump gives to a core. A `comm` of bytes is taken as it is. */
export const formatCoreId = (
  parts: Omit<CoreIdParts, "comm"> & { readonly comm: string | Uint8Array }
): CoreId => {
  const comm = typeof parts.comm === "string" ? utf8Encoder.encode(parts.comm) : parts.comm
  const stem = `core.${escapeComm(comm)}.${parts.uid}.${parts.bootId}.${parts.pid}.${parts.usec}`
  return CoreId.make(stem + extensions[parts.compression])
}

/** A core's file name without the extension of its compression: what all forms of one core have in common. */
export const coreStem = (name: string): string => name.replace(/\.(?:zst|lz4|xz)$/, "")

/**
 * Time of the crash in microseconds since 1970. Real names with twelve zeros after the second are known
 * (containers/toolbox#543): a value past the year 5000 is taken as one of them.
 */
export const coreIdMicros = (parts: CoreIdParts): number =>
  Number(parts.usec > 100_000_000_000_000_000n ? parts.usec / 1_000_000n : parts.usec)

/** A core's file name, see {@link parseCoreId}. It never holds a `/` and is at most 255 bytes long. */
export const CoreId = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter<string>((name) =>
      name.length <= 255 && Option.isSome(parseCoreId(name))
        ? undefined
        : "must be the name of a core: core.<comm>.<uid>.<boot id>.<pid>.<usec>[.zst|.lz4|.xz]"
    )
  ),
  Schema.brand("CoreId")
)
export type CoreId = typeof CoreId.Type

/** One core in a cluster. */
export const CoreRef = Schema.Struct({
  /** The name of the Kubernetes node (or of the host) that keeps the core. */
  node: Schema.String,
  id: CoreId
})
export type CoreRef = typeof CoreRef.Type

/** A key for maps: neither part can hold the separator. */
export const refKey = (ref: CoreRef): string => `${ref.node}/${ref.id}`
