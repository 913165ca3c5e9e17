/**
 * What is known of a core dump, with the very keys that REST shows: the journal's own names (`COREDUMP_*`, `_HOSTNAME`)
 * beside those that koredump adds. A fact that is not known has no key.
 */
import { Schema } from "effect"
import { Compression, CoreId } from "./CoreId.ts"
import { StackTrace } from "./StackTrace.ts"

/**
 * - `present`: the file is there and whole
 * - `truncated`: the file is there, cut by a limit of the system
 * - `pending`: the file is there, the journal does not know it (yet)
 * - `missing`: the journal knows the crash, the file is gone or was never stored
 */
export const CoreState = Schema.Literals(["present", "truncated", "missing", "pending"])
export type CoreState = typeof CoreState.Type

const optionalString = Schema.optionalKey(Schema.String)
const optionalInt = Schema.optionalKey(Schema.Int)

const Timestamp = Schema.String.pipe(
  Schema.check(
    Schema.makeFilter<string>((text) => Number.isNaN(parseTimestamp(text)) ? "must be an RFC 3339 time" : undefined)
  )
)

const unversionedFields = {
  id: CoreId,
  /** The Kubernetes node's name; the host's name where there is no Kubernetes. */
  node: Schema.String,
  state: CoreState,
  /** Bytes on disk, as stored (compressed). Absent where no file is. */
  size: optionalInt,
  compression: Compression,
  /** `SIGSEGV in deep3 (crashme)`. */
  title: optionalString,
  /** Equal for crashes of one cause, see `crashSignature`. */
  signature: optionalString,
  /** Why there is no stored core (`missing`) or why it cannot be read, in words. */
  reason: optionalString,
  namespace: optionalString,
  pod: optionalString,
  pod_uid: optionalString,
  container: optionalString,
  container_id: optionalString,
  image_name: optionalString,
  image_id: optionalString,
  /** `Deployment/web`. */
  workload: optionalString,
  /** Machine architecture as uname prints it: `x86_64`, `aarch64`. */
  ARCH: optionalString,
  COREDUMP_PID: optionalInt,
  COREDUMP_UID: optionalInt,
  COREDUMP_GID: optionalInt,
  COREDUMP_SIGNAL: optionalInt,
  COREDUMP_SIGNAL_NAME: optionalString,
  /** Time of the crash: RFC 3339 in UTC, with a fraction when known. */
  COREDUMP_TIMESTAMP: Timestamp,
  COREDUMP_COMM: optionalString,
  COREDUMP_EXE: optionalString,
  COREDUMP_CMDLINE: optionalString,
  COREDUMP_HOSTNAME: optionalString,
  COREDUMP_CGROUP: optionalString,
  _HOSTNAME: optionalString,
  _BOOT_ID: optionalString,
  _MACHINE_ID: optionalString
}

const summaryFields = {
  ...unversionedFields,
  /** Opaque version of this core, given by the index that serves it. */
  resourceVersion: Schema.String
}

// Further fields of the journal: their names are systemd's and new ones come.
const furtherFields = Schema.Record(Schema.String, Schema.Json)

/** A core as a source knows it, before an index gives it a version. */
export const UnversionedCore = Schema.StructWithRest(Schema.Struct(unversionedFields), [furtherFields])
export type UnversionedCore = typeof UnversionedCore.Type

/** A core as lists and watches show it: everything but the heavy fields. */
export const CoreSummary = Schema.StructWithRest(Schema.Struct(summaryFields), [furtherFields]).annotate({
  identifier: "CoreSummary"
})
export type CoreSummary = typeof CoreSummary.Type

/** Everything known of one core. */
export const CoreMetadata = Schema.StructWithRest(
  Schema.Struct({
    ...summaryFields,
    /** The journal's text about the crash, with the stack trace. */
    MESSAGE: optionalString,
    stack: Schema.optionalKey(StackTrace),
    /** The process's environment, one `NAME=value` a line. Shown only to those who may download the core. */
    COREDUMP_ENVIRON: optionalString,
    COREDUMP_OPEN_FDS: optionalString,
    COREDUMP_PACKAGE_JSON: optionalString,
    COREDUMP_PROC_MAPS: optionalString,
    COREDUMP_PROC_STATUS: optionalString
  }),
  [furtherFields]
).annotate({ identifier: "CoreMetadata" })
export type CoreMetadata = typeof CoreMetadata.Type

const fieldNames = new Set([...Object.keys(summaryFields), "MESSAGE", "stack", "crio"])

/** Whether a core can have a field of this name: one of the model's, or one that the journal may have. */
export const isFieldName = (name: string): boolean => fieldNames.has(name) || /^[A-Z_][A-Z0-9_]{0,63}$/.test(name)

/** Whether a field is left out of lists unless asked for: large, or secret. */
export const isHeavyField = (name: string): boolean => name.startsWith("COREDUMP_PROC_") || heavyFields.has(name)

const heavyFields = new Set([
  "COREDUMP_OPEN_FDS",
  "COREDUMP_ENVIRON",
  "COREDUMP_PACKAGE_JSON",
  "MESSAGE",
  "stack",
  "crio"
])

/** Microseconds since 1970 as RFC 3339 in UTC; a fraction only where there is one. Undefined outside years 0–9999. */
export const formatTimestamp = (micros: number): string | undefined => {
  const seconds = Math.floor(micros / 1_000_000)
  const date = new Date(seconds * 1000)
  const year = date.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) return undefined
  const fraction = String(micros - seconds * 1_000_000).padStart(6, "0").replace(/0+$/, "")
  return date.toISOString().slice(0, 19) + (fraction === "" ? "" : `.${fraction}`) + "Z"
}

/** The inverse of {@link formatTimestamp}; NaN for text that is no RFC 3339 time. */
export const parseTimestamp = (text: string): number => {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text)
  if (match === null) return Number.NaN
  const [, seconds, fraction = "", zone] = match
  // Date.parse takes 31 February for 3 March.
  const day = Number(seconds!.slice(8, 10))
  if (day > 28 && new Date(`${seconds!.slice(0, 10)}T00:00:00Z`).getUTCDate() !== day) return Number.NaN
  return Date.parse(`${seconds}${zone}`) * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6))
}

const encoder = new TextEncoder()
const encoded = new WeakMap<object, Uint8Array>()

/**
 * A core as JSON, in bytes. Summaries do not change, so each is encoded once: a list or a watch of thousands of cores
 * joins these bytes.
 */
export const encodeCore = (core: CoreSummary): Uint8Array => {
  let bytes = encoded.get(core)
  if (bytes === undefined) {
    bytes = encoder.encode(JSON.stringify(core))
    encoded.set(core, bytes)
  }
  return bytes
}
