/**
 * The model of a core dump. Its keys are those of the REST API: names from the journal (`COREDUMP_*`, `_HOSTNAME`) and
 * names that koredump adds. Unknown values have no key.
 */
import { Schema } from "effect"
import { Compression, CoreId } from "./CoreId.ts"
import { StackTrace } from "./StackTrace.ts"

/**
 * - `present`: the core file is complete.
 * - `truncated`: the core file was cut by a size limit of the system.
 * - `pending`: the core file exists, but there is no journal entry (yet).
 * - `missing`: there is a journal entry, but the core file was deleted or never stored.
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
  /** Name of the Kubernetes node. Without Kubernetes: name of the host. */
  node: Schema.String,
  state: CoreState,
  /** Size of the core file in bytes, as stored (compressed). Absent without a core file. */
  size: optionalInt,
  compression: Compression,
  /** Crash title, for example `SIGSEGV in deep3 (crashme)`. */
  title: optionalString,
  /** Crash signature: equal for crashes with the same cause, see `crashSignature`. */
  signature: optionalString,
  /** Why the core file is not stored or not readable. */
  reason: optionalString,
  namespace: optionalString,
  pod: optionalString,
  pod_uid: optionalString,
  container: optionalString,
  container_id: optionalString,
  image_name: optionalString,
  image_id: optionalString,
  /** For example `Deployment/web`. */
  workload: optionalString,
  /** Machine architecture as printed by uname: `x86_64`, `aarch64`. */
  ARCH: optionalString,
  COREDUMP_PID: optionalInt,
  COREDUMP_UID: optionalInt,
  COREDUMP_GID: optionalInt,
  COREDUMP_SIGNAL: optionalInt,
  COREDUMP_SIGNAL_NAME: optionalString,
  /** Time of the crash: RFC 3339 in UTC, with a fraction if known. */
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
  /** Opaque version of the core's last change in the index that serves it. */
  resourceVersion: Schema.String
}

// More fields of the journal. systemd chooses their names and adds new ones.
const furtherFields = Schema.Record(Schema.String, Schema.Json)

/** A core summary without resource version, which the index adds. */
export const UnversionedCore = Schema.StructWithRest(Schema.Struct(unversionedFields), [furtherFields])
export type UnversionedCore = typeof UnversionedCore.Type

/** A core in lists and watches: all fields except the heavy ones. */
export const CoreSummary = Schema.StructWithRest(Schema.Struct(summaryFields), [furtherFields]).annotate({
  identifier: "CoreSummary"
})
export type CoreSummary = typeof CoreSummary.Type

/** A core with all fields. */
export const CoreMetadata = Schema.StructWithRest(
  Schema.Struct({
    ...summaryFields,
    /** The journal's message about the crash, with the stack trace. */
    MESSAGE: optionalString,
    stack: Schema.optionalKey(StackTrace),
    /** Environment of the process, one `NAME=value` per line. Redacted without permission to download the core. */
    COREDUMP_ENVIRON: optionalString,
    COREDUMP_OPEN_FDS: optionalString,
    COREDUMP_PACKAGE_JSON: optionalString,
    COREDUMP_PROC_MAPS: optionalString,
    COREDUMP_PROC_STATUS: optionalString,
    /** Names of fields that were left out, or are shortened as in lists, because the metadata would be too large. */
    omitted: Schema.optionalKey(Schema.Array(Schema.String))
  }),
  [furtherFields]
).annotate({ identifier: "CoreMetadata" })
export type CoreMetadata = typeof CoreMetadata.Type

/** Largest metadata of one core, bytes of JSON. Servers leave out the largest fields to fit; clients refuse more. */
export const maxMetadataBytes = 8 * 1024 * 1024

const fieldNames = new Set([...Object.keys(summaryFields), "MESSAGE", "stack", "omitted", "crio"])

/** Whether a core can have a field with this name: a field of the model, or a possible field of the journal. */
export const isFieldName = (name: string): boolean => fieldNames.has(name) || /^[A-Z_][A-Z0-9_]{0,63}$/.test(name)

/** Whether a field is heavy: large or confidential, and not part of lists unless requested. */
export const isHeavyField = (name: string): boolean => name.startsWith("COREDUMP_PROC_") || heavyFields.has(name)

const heavyFields = new Set([
  "COREDUMP_OPEN_FDS",
  "COREDUMP_ENVIRON",
  "COREDUMP_PACKAGE_JSON",
  "MESSAGE",
  "stack",
  "omitted",
  "crio"
])

/** Formats microseconds since 1970 as RFC 3339 in UTC. Returns undefined outside of the years 0 to 9999. */
export const formatTimestamp = (micros: number): string | undefined => {
  const seconds = Math.floor(micros / 1_000_000)
  const date = new Date(seconds * 1000)
  const year = date.getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) return undefined
  const fraction = String(micros - seconds * 1_000_000).padStart(6, "0").replace(/0+$/, "")
  return date.toISOString().slice(0, 19) + (fraction === "" ? "" : `.${fraction}`) + "Z"
}

/** The inverse of {@link formatTimestamp}. Returns NaN for text that is not an RFC 3339 time. */
export const parseTimestamp = (text: string): number => {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/i.exec(text)
  if (match === null) return Number.NaN
  const [, seconds, fraction = "", zone] = match
  // Date.parse accepts 31 February as 3 March.
  const day = Number(seconds!.slice(8, 10))
  if (day > 28 && new Date(`${seconds!.slice(0, 10)}T00:00:00Z`).getUTCDate() !== day) return Number.NaN
  return Date.parse(`${seconds}${zone}`) * 1000 + Number(fraction.padEnd(6, "0").slice(0, 6))
}

const encoder = new TextEncoder()
const encoded = new WeakMap<object, Uint8Array>()

/**
 * Encodes a core as JSON bytes. Summaries are immutable, so each is encoded only once: lists and watches of thousands of
 * cores concatenate the same bytes.
 */
export const encodeCore = (core: CoreSummary): Uint8Array => {
  let bytes = encoded.get(core)
  if (bytes === undefined) {
    bytes = encoder.encode(JSON.stringify(core))
    encoded.set(core, bytes)
  }
  return bytes
}
