/**
 * Core IDs. The ID of a core is the name that systemd-coredump gives its file:
 * `core.<comm>.<uid>.<boot id>.<pid>.<usec>[.zst|.lz4|.xz]`, from systemd's `make_filename` (coredump.c). A crash without
 * a core file has the ID that the file would have had.
 */
import { Option, Schema } from "effect"

/** Compression of a core file, from its extension. `none` has no extension. */
export const Compression = Schema.Literals(["zstd", "lz4", "xz", "none"])
export type Compression = typeof Compression.Type

const extensions = { zstd: ".zst", lz4: ".lz4", xz: ".xz", none: "" } as const satisfies Record<Compression, string>

/** The parts of a core ID. */
export interface CoreIdParts {
  /** Process name in the kernel, at most 15 bytes. Bytes that are not UTF-8 are replacement characters. */
  readonly comm: string
  readonly uid: number
  /** Boot ID: 32 lowercase hex digits. */
  readonly bootId: string
  /** Process ID on the host. */
  readonly pid: number
  /** Time of the crash as in the name: microseconds since 1970, in full seconds. Some writers add six zeros. */
  readonly usec: bigint
  readonly compression: Compression
}

const utf8Encoder = new TextEncoder()
const utf8Decoder = new TextDecoder()
const escapedBytes = new Set([..."\\./ "].map((char) => char.charCodeAt(0)))

/** Like systemd's `xescape(s, "./ ")`: control bytes, bytes from 127, `\`, `.`, `/` and space become `\xHH`. */
export const escapeComm = (comm: Uint8Array): string => {
  let escaped = ""
  for (const byte of comm) {
    escaped += byte < 0x20 || byte >= 0x7f || escapedBytes.has(byte)
      ? `\\x${byte.toString(16).padStart(2, "0")}`
      : String.fromCharCode(byte)
  }
  return escaped
}

/** The inverse of {@link escapeComm}: the bytes of the process name. */
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

// xescape leaves printable ASCII without `.`, `/`, `\` and space, or `\xHH`.
const pattern =
  /^core\.((?:[!-\-0-[\]-~]|\\x[0-9a-f]{2})*)\.(0|[1-9]\d{0,9})\.([0-9a-f]{32})\.([1-9]\d{0,9})\.(\d{1,22})(\.zst|\.lz4|\.xz)?$/

const toCompression = (extension: string | undefined): Compression =>
  extension === ".zst" ? "zstd" : extension === ".lz4" ? "lz4" : extension === ".xz" ? "xz" : "none"

/**
 * Parses a core ID. Returns `none` for names that systemd-coredump does not create, for example with a needlessly escaped
 * comm. {@link formatCoreId} is the exact inverse.
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
    compression: toCompression(extension)
  })
}

/** Formats a core ID like systemd-coredump. */
export const formatCoreId = (
  parts: Omit<CoreIdParts, "comm"> & { readonly comm: string | Uint8Array }
): CoreId => {
  const comm = typeof parts.comm === "string" ? utf8Encoder.encode(parts.comm) : parts.comm
  const stem = `core.${escapeComm(comm)}.${parts.uid}.${parts.bootId}.${parts.pid}.${parts.usec}`
  return CoreId.make(stem + extensions[parts.compression])
}

/** A core ID without the extension of the compression. */
export const coreStem = (name: string): string => name.replace(/\.(?:zst|lz4|xz)$/, "")

/**
 * Time of the crash in microseconds since 1970. Some systems write twelve zeros after the seconds
 * (containers/toolbox#543), so a time after the year 5000 is divided by a million.
 */
export const coreIdMicros = (parts: CoreIdParts): number =>
  Number(parts.usec > 100_000_000_000_000_000n ? parts.usec / 1_000_000n : parts.usec)

/** A core ID, see {@link parseCoreId}. It contains no `/` and is at most 255 bytes long. */
export const CoreId = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter<string>((name) =>
      name.length <= 255 && Option.isSome(parseCoreId(name))
        ? undefined
        : "must be a core ID: core.<comm>.<uid>.<boot id>.<pid>.<usec>[.zst|.lz4|.xz]"
    )
  ),
  Schema.brand("CoreId")
)
export type CoreId = typeof CoreId.Type

/** Reference to a core in a cluster. */
export const CoreRef = Schema.Struct({
  /** Name of the Kubernetes node (or host) that stores the core. */
  node: Schema.String,
  id: CoreId
})
export type CoreRef = typeof CoreRef.Type

/** A unique key of a core for maps. A core ID contains no `/`. */
export const refKey = (ref: CoreRef): string => `${ref.node}/${ref.id}`
