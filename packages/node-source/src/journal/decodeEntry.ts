/** Decodes journal entries of systemd-coredump to fields of a core. Pure functions: nothing here accesses the host. */
import {
  CoreId,
  crashSignature,
  crashTitle,
  formatCoreId,
  formatTimestamp,
  isPodCgroup,
  parseArchitecture,
  parsePodCgroups,
  parseStackTrace,
  type PodCgroup,
  signalName,
  type UnversionedCore
} from "@koredump/core"
import { Option, Schema } from "effect"
import { basename } from "node:path"
import { goneReason } from "../host/files.ts"
import { decodeShort, shorten } from "../host/shortText.ts"
import type { RawEntry } from "./decodeJournalExport.ts"
import { isCoredumpWriter } from "./journalTrust.ts"

/** The MESSAGE_ID of entries of systemd-coredump (`SD_MESSAGE_COREDUMP`). */
export const coredumpMessageId = "fc2e22bc6ee647b6b90729ab34a250b1"

const numberFields = ["COREDUMP_PID", "COREDUMP_UID", "COREDUMP_GID", "COREDUMP_SIGNAL"] as const

const textFields = [
  "COREDUMP_SIGNAL_NAME",
  "COREDUMP_COMM",
  "COREDUMP_EXE",
  "COREDUMP_CMDLINE",
  "COREDUMP_HOSTNAME",
  "COREDUMP_CGROUP",
  "COREDUMP_UNIT",
  "COREDUMP_USER_UNIT",
  "COREDUMP_SLICE",
  "COREDUMP_SESSION",
  "COREDUMP_OWNER_UID",
  "COREDUMP_CWD",
  "COREDUMP_ROOT",
  "COREDUMP_RLIMIT",
  "COREDUMP_DUMPABLE",
  "COREDUMP_CONTAINER_CMDLINE",
  "COREDUMP_PACKAGE_NAME",
  "COREDUMP_PACKAGE_VERSION",
  "COREDUMP_TID",
  "COREDUMP_THREAD_NAME",
  "COREDUMP_FORWARDED",
  "COREDUMP_FILENAME",
  "COREDUMP_TRUNCATED",
  "_HOSTNAME",
  "_BOOT_ID",
  "_MACHINE_ID"
] as const

/** The fields that a core summary needs. Never COREDUMP: with Storage=journal it contains the core itself. */
export const summaryFields: ReadonlyArray<string> = [
  ...numberFields,
  ...textFields,
  "COREDUMP_TIMESTAMP",
  "COREDUMP_PROC_CGROUP",
  "MESSAGE",
  "_UID",
  "_EXE",
  "_SYSTEMD_UNIT",
  "_SYSTEMD_CGROUP"
]

const heavyTextFields = [
  "MESSAGE",
  "COREDUMP_ENVIRON",
  "COREDUMP_OPEN_FDS",
  "COREDUMP_PACKAGE_JSON",
  "COREDUMP_PROC_CGROUP",
  "COREDUMP_PROC_LIMITS",
  "COREDUMP_PROC_MAPS",
  "COREDUMP_PROC_MOUNTINFO",
  "COREDUMP_PROC_STATUS"
] as const

/** The fields that core metadata needs: the heavy fields, and text fields that summaries shorten. */
export const metadataFields: ReadonlyArray<string> = [...heavyTextFields, ...textFields]

/** A decoded journal entry. */
export interface JournalEntryInfo {
  /** The position of the entry in the journal. */
  readonly cursor: string
  /** The name of the core file. If no file was stored, the name it would have had. */
  readonly id: CoreId
  readonly truncated: boolean
  /** The likely reason, as a sentence, if the core file does not exist. */
  readonly missingReason: string
  /** Pod and container of the crashed process, from its cgroup. Undefined: not in a pod, or contradictory. */
  readonly pod: PodCgroup | undefined
  readonly fields: Partial<UnversionedCore>
}

/** Properties of the host that the decoding of entries depends on. */
export interface HostInfo {
  /** The UID of user `systemd-coredump`, if known. */
  readonly coredumpUid: number | undefined
  /** The machine architecture as in uname(1), if known. */
  readonly machine: string | undefined
}

/** The value of a field as text. Bytes that are not UTF-8 become replacement characters. */
export const getText = (entry: RawEntry, name: string): string | undefined => {
  const value = entry.get(name)
  // Several times faster than TextDecoder for short texts.
  return value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8")
}

const getNumber = (entry: RawEntry, name: string): number | undefined => {
  const text = getText(entry, name)
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** Whether systemd-coredump wrote the entry. */
export const isTrusted = (entry: RawEntry, host: HostInfo): boolean =>
  isCoredumpWriter(
    {
      uid: getNumber(entry, "_UID"),
      exe: getText(entry, "_EXE"),
      unit: getText(entry, "_SYSTEMD_UNIT"),
      cgroup: getText(entry, "_SYSTEMD_CGROUP")
    },
    getNumber(entry, "COREDUMP_UID"),
    host.coredumpUid
  )

const decodeId = Schema.decodeUnknownOption(CoreId)
const tryFormatId = Option.liftThrowable(formatCoreId)

const getCoreId = (entry: RawEntry): CoreId | undefined => {
  const file = getText(entry, "COREDUMP_FILENAME")
  const named = file === undefined ? Option.none() : decodeId(basename(file))
  if (Option.isSome(named)) return named.value
  const uid = getNumber(entry, "COREDUMP_UID")
  const pid = getNumber(entry, "COREDUMP_PID")
  const bootId = getText(entry, "_BOOT_ID")
  const usec = getText(entry, "COREDUMP_TIMESTAMP")
  if (uid === undefined || pid === undefined || bootId === undefined || !/^\d{1,22}$/.test(usec ?? "")) return undefined
  const comm = entry.get("COREDUMP_COMM") ?? new Uint8Array(0)
  return Option.getOrUndefined(tryFormatId({ comm, uid, pid, bootId, usec: BigInt(usec!), compression: "none" }))
}

/** The cgroup paths of the crashed process, one for each cgroup hierarchy. The first is COREDUMP_CGROUP. */
const getCgroups = (entry: RawEntry): ReadonlyArray<string> => [
  getText(entry, "COREDUMP_CGROUP") ?? "",
  ...(getText(entry, "COREDUMP_PROC_CGROUP") ?? "").split("\n").map((line) => line.split(":").slice(2).join(":"))
]

/**
 * Whether COREDUMP_CGROUP must be left out. A path outside of pods proves that the core belongs to the node itself, but
 * not if another hierarchy has the process in a pod and that pod cannot be determined.
 */
const isMisleading = (cgroups: ReadonlyArray<string>, pod: PodCgroup | undefined): boolean =>
  pod === undefined && !isPodCgroup(cgroups[0] ?? "") && cgroups.some(isPodCgroup)

const getMissingReason = (entry: RawEntry, message: string | undefined): string => {
  if (entry.has("COREDUMP_FILENAME")) return goneReason
  if (message?.includes("terminated abnormally without generating a coredump") === true) {
    return "The core size limit of the process (RLIMIT_CORE) did not allow a core."
  }
  return "systemd-coredump did not store the core. Check Storage= and the size limits in coredump.conf, and free disk space."
}

/** Never cut before the part that decides who may see a core. Linux has no longer paths. */
const maxCgroupLength = 4096

/** The value of a field in a summary. Core metadata has the full text. */
const getShortText = (entry: RawEntry, name: string): string | undefined => {
  const value = entry.get(name)
  if (value === undefined || value.length === 0) return undefined
  // Most texts are those of the previous entry, and comparing is several times as fast as decoding.
  const last = lastTexts.get(name)
  if (last !== undefined && isEqual(last.bytes, value)) return last.text
  const text = intern(decodeShort(value, name === "COREDUMP_CGROUP" ? maxCgroupLength : undefined))
  if (value.length <= maxInternedLength) lastTexts.set(name, { bytes: value.slice(), text })
  return text
}

/** The short texts of the previous entry, by field. */
const lastTexts = new Map<string, { readonly bytes: Uint8Array; readonly text: string }>()

const isEqual = (a: Uint8Array, b: Uint8Array): boolean => {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Decodes an entry. Undefined if the entry has no core ID or no cursor. */
export const decodeEntry = (entry: RawEntry, host: HostInfo): JournalEntryInfo | undefined => {
  const id = getCoreId(entry)
  const cursor = getText(entry, "__CURSOR")
  if (id === undefined || cursor === undefined) return undefined
  const fields: Record<string, string | number> = {}
  for (const name of numberFields) {
    const value = getNumber(entry, name)
    if (value !== undefined) fields[name] = value
  }
  for (const name of textFields) {
    const value = getShortText(entry, name)
    if (value !== undefined) fields[name] = value
  }
  const micros = Number(getText(entry, "COREDUMP_TIMESTAMP"))
  const time = formatTimestamp(micros)
  if (time !== undefined) fields["COREDUMP_TIMESTAMP"] = time
  const message = getText(entry, "MESSAGE")
  const cgroups = getCgroups(entry)
  const pod = parsePodCgroups(cgroups)
  if (isMisleading(cgroups, pod)) delete fields["COREDUMP_CGROUP"]
  return {
    cursor,
    id,
    truncated: getText(entry, "COREDUMP_TRUNCATED") === "1",
    missingReason: getMissingReason(entry, message),
    pod,
    fields: { ...fields, ...toCrashFields(fields, message, host) } as Partial<UnversionedCore>
  }
}

/** Title, signature and architecture of a crash. */
const toCrashFields = (
  fields: Readonly<Record<string, string | number>>,
  message: string | undefined,
  host: HostInfo
): Record<string, string> => {
  const stack = message === undefined ? undefined : parseStackTrace(message)
  const program = fields["COREDUMP_COMM"] ?? fields["COREDUMP_EXE"]
  const signal = toSignalText(fields["COREDUMP_SIGNAL_NAME"], fields["COREDUMP_SIGNAL"])
  const signature = program === undefined ? undefined : crashSignature(String(fields["COREDUMP_EXE"] ?? program), stack)
  const architecture = (message === undefined ? undefined : parseArchitecture(message)) ?? host.machine
  return {
    ...(program === undefined || signal === undefined
      ? {}
      : { title: shorten(crashTitle(signal, String(program), stack)) }),
    ...(signature === undefined ? {} : { signature: intern(signature) }),
    ...(architecture === undefined ? {} : { ARCH: intern(architecture) })
  }
}

/** The name of the signal. Without a name, it is derived from the number. */
const toSignalText = (name: unknown, number: unknown): string | undefined =>
  typeof name === "string"
    ? name
    : typeof number === "number"
    ? signalName(number) ?? `signal ${number}`
    : undefined

/** The fields that only core metadata has. */
export interface HeavyFields {
  readonly fields: Readonly<Record<string, Schema.Json>>
  /** Names of fields that were skipped because they are too large. */
  readonly omitted: ReadonlyArray<string>
}

/** Maximum characters of a text that is parsed for a stack trace. */
const maxStackText = 1024 * 1024

/** Decodes the heavy fields and the stack trace. Texts are not shortened. */
export const decodeMetadata = (entry: RawEntry): HeavyFields => {
  const fields: Record<string, Schema.Json> = {}
  for (const name of metadataFields) {
    const value = getText(entry, name)
    if (value !== undefined && value !== "") fields[name] = value
  }
  const cgroups = getCgroups(entry)
  if (isMisleading(cgroups, parsePodCgroups(cgroups))) delete fields["COREDUMP_CGROUP"]
  const packageJson = getText(entry, "COREDUMP_PACKAGE_JSON") ?? ""
  const stack = parseStackTrace(
    (getText(entry, "MESSAGE") ?? "").slice(0, maxStackText),
    packageJson.length > maxStackText ? undefined : packageJson
  )
  return { fields: stack === undefined ? fields : { ...fields, stack }, omitted: entry.omitted ?? [] }
}

/** Saves memory: thousands of cores share the same values. */
const interned = new Map<string, string>()
const maxInterned = 8192
const maxInternedLength = 128

const intern = (text: string): string => {
  if (text.length > maxInternedLength) return text
  const known = interned.get(text)
  if (known !== undefined) return known
  if (interned.size >= maxInterned) interned.clear()
  interned.set(text, text)
  return text
}
