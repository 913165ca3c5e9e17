/** What a journal entry says of a crash, with the types and bounds of the model. Nothing here touches the host. */
import {
  CoreId,
  coreStem,
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
import type { RawEntry } from "./JournalExport.ts"
import { isCoredumpWriter } from "./journalTrust.ts"

/** The MESSAGE_ID of systemd-coredump's entries, `SD_MESSAGE_COREDUMP`. */
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

/** The fields that a summary is made of. Never COREDUMP: with Storage=journal that is the core itself. */
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

/** The fields that are read when one core's metadata is asked for: the heavy ones, and those that summaries shorten. */
export const metadataFields: ReadonlyArray<string> = [...heavyTextFields, ...textFields]

/** What an entry says of a crash. */
export interface JournalFacts {
  /** Where the journal has the entry. */
  readonly cursor: string
  /** The name of the core's file, or the name it would have had. */
  readonly id: CoreId
  readonly truncated: boolean
  /** Why there is no file, as far as this entry tells. */
  readonly absence: string
  /** The pod and container of the crashed process, by its cgroup. */
  readonly pod: PodCgroup | undefined
  readonly fields: Partial<UnversionedCore>
}

/** What the facts of an entry depend on beside the entry. */
export interface HostFacts {
  /** The uid of the host's user systemd-coredump, where known. */
  readonly coredumpUid: number | undefined
  /** The host's architecture, where known. */
  readonly machine: string | undefined
}

/** Most characters of one field in a summary; `get` has it all. */
const maxText = 4096

/** A field as text; bytes that are not UTF-8 become replacement characters. */
export const textOf = (entry: RawEntry, name: string): string | undefined => {
  const value = entry.get(name)
  // Several times as fast as TextDecoder on short texts.
  return value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.length).toString("utf8")
}

const naturalOf = (entry: RawEntry, name: string): number | undefined => {
  const text = textOf(entry, name)
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

/** Whether systemd-coredump itself wrote the entry. */
export const isBelieved = (entry: RawEntry, host: HostFacts): boolean =>
  isCoredumpWriter(
    {
      uid: naturalOf(entry, "_UID"),
      exe: textOf(entry, "_EXE"),
      unit: textOf(entry, "_SYSTEMD_UNIT"),
      cgroup: textOf(entry, "_SYSTEMD_CGROUP")
    },
    naturalOf(entry, "COREDUMP_UID"),
    host.coredumpUid
  )

const decodeId = Schema.decodeUnknownOption(CoreId)
const tryFormatId = Option.liftThrowable(formatCoreId)

const idOf = (entry: RawEntry): CoreId | undefined => {
  const file = textOf(entry, "COREDUMP_FILENAME")
  const named = file === undefined ? Option.none() : decodeId(basename(file))
  if (Option.isSome(named)) return named.value
  const uid = naturalOf(entry, "COREDUMP_UID")
  const pid = naturalOf(entry, "COREDUMP_PID")
  const bootId = textOf(entry, "_BOOT_ID")
  const usec = textOf(entry, "COREDUMP_TIMESTAMP")
  if (uid === undefined || pid === undefined || bootId === undefined || !/^\d{1,22}$/.test(usec ?? "")) return undefined
  const comm = entry.get("COREDUMP_COMM") ?? new Uint8Array(0)
  return Option.getOrUndefined(tryFormatId({ comm, uid, pid, bootId, usec: BigInt(usec!), compression: "none" }))
}

/** The cgroups of the crashed process, one for each hierarchy of the kernel. */
const cgroupsOf = (entry: RawEntry): ReadonlyArray<string> => [
  textOf(entry, "COREDUMP_CGROUP") ?? "",
  ...(textOf(entry, "COREDUMP_PROC_CGROUP") ?? "").split("\n").map((line) => line.split(":").slice(2).join(":"))
]

/**
 * Whether the entry's COREDUMP_CGROUP must not be shown: one that is no pod's is the proof that the process belonged to no
 * pod, and with it the core to the node. It proves nothing where another hierarchy has the process in a pod.
 */
const misleads = (cgroups: ReadonlyArray<string>, pod: PodCgroup | undefined): boolean =>
  pod === undefined && !isPodCgroup(cgroups[0] ?? "") && cgroups.some(isPodCgroup)

const absenceOf = (entry: RawEntry, message: string | undefined): string => {
  if (entry.has("COREDUMP_FILENAME")) return "the file is gone (vacuumed or deleted)"
  if (message?.includes("terminated abnormally without generating a coredump") === true) {
    return "the process's limit for cores (RLIMIT_CORE) allowed none"
  }
  return "systemd-coredump did not store it (Storage= in coredump.conf, its limits of size, or no room)"
}

const shorten = (text: string) => text.length <= maxText ? text : `${text.slice(0, maxText)}…`

/** What the entry says; undefined where it does not even say which core it is about. */
export const readEntry = (entry: RawEntry, host: HostFacts): JournalFacts | undefined => {
  const id = idOf(entry)
  const cursor = textOf(entry, "__CURSOR")
  if (id === undefined || cursor === undefined) return undefined
  const fields: Record<string, string | number> = {}
  for (const name of numberFields) {
    const value = naturalOf(entry, name)
    if (value !== undefined) fields[name] = value
  }
  for (const name of textFields) {
    const value = textOf(entry, name)
    if (value !== undefined && value !== "") fields[name] = intern(shorten(value))
  }
  const micros = Number(textOf(entry, "COREDUMP_TIMESTAMP"))
  const time = formatTimestamp(micros)
  if (time !== undefined) fields["COREDUMP_TIMESTAMP"] = time
  const message = textOf(entry, "MESSAGE")
  const cgroups = cgroupsOf(entry)
  const pod = parsePodCgroups(cgroups)
  if (misleads(cgroups, pod)) delete fields["COREDUMP_CGROUP"]
  return {
    cursor,
    id,
    truncated: textOf(entry, "COREDUMP_TRUNCATED") === "1",
    absence: absenceOf(entry, message),
    pod,
    fields: { ...fields, ...crashFields(fields, message, host) } as Partial<UnversionedCore>
  }
}

const crashFields = (
  fields: Readonly<Record<string, string | number>>,
  message: string | undefined,
  host: HostFacts
): Record<string, string> => {
  const stack = message === undefined ? undefined : parseStackTrace(message)
  const program = fields["COREDUMP_COMM"] ?? fields["COREDUMP_EXE"]
  const signal = signalText(fields["COREDUMP_SIGNAL_NAME"], fields["COREDUMP_SIGNAL"])
  const signature = program === undefined ? undefined : crashSignature(String(fields["COREDUMP_EXE"] ?? program), stack)
  const architecture = (message === undefined ? undefined : parseArchitecture(message)) ?? host.machine
  return {
    ...(program === undefined || signal === undefined ? {} : { title: crashTitle(signal, String(program), stack) }),
    ...(signature === undefined ? {} : { signature: intern(signature) }),
    ...(architecture === undefined ? {} : { ARCH: intern(architecture) })
  }
}

/** The signal in words: its name as given, else the one that its number has. */
const signalText = (name: unknown, number: unknown): string | undefined =>
  typeof name === "string"
    ? name
    : typeof number === "number"
    ? signalName(number) ?? `signal ${number}`
    : undefined

/** Everything that the entry says in words, in full, and its stack trace. */
export const readMetadata = (entry: RawEntry): Readonly<Record<string, Schema.Json>> => {
  const fields: Record<string, Schema.Json> = {}
  for (const name of metadataFields) {
    const value = textOf(entry, name)
    if (value !== undefined && value !== "") fields[name] = value
  }
  const cgroups = cgroupsOf(entry)
  if (misleads(cgroups, parsePodCgroups(cgroups))) delete fields["COREDUMP_CGROUP"]
  const stack = parseStackTrace(textOf(entry, "MESSAGE") ?? "", textOf(entry, "COREDUMP_PACKAGE_JSON"))
  return stack === undefined ? fields : { ...fields, stack }
}

/** What the files and entries of one crash have in common. */
export const stemOf = (facts: JournalFacts): string => coreStem(facts.id)

/** Values that thousands of cores share are kept once. */
const interned = new Map<string, string>()
const maxInterned = 8192

const intern = (text: string): string => {
  const known = interned.get(text)
  if (known !== undefined) return known
  if (interned.size >= maxInterned) interned.clear()
  interned.set(text, text)
  return text
}
