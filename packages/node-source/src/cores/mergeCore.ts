/** What file, journal and attributes say of one core, as one summary. */
import {
  type CoreId,
  coreIdMicros,
  crashTitle,
  formatTimestamp,
  parseCoreId,
  signalName,
  type UnversionedCore
} from "@koredump/core"
import { Option } from "effect"
import type { JournalFacts } from "../journal/JournalEntry.ts"
import { type KnownPod, podFacts } from "../pods/ResolvedPod.ts"

/** A core's file. */
export interface FileFacts {
  readonly id: CoreId
  readonly size: number
  /** Changes whenever the file does. */
  readonly version: string
  /** Why the file cannot be read, in words. */
  readonly unreadable?: string
  /** What its extended attributes say; read only while the journal does not know the core. */
  readonly xattrs?: Partial<UnversionedCore>
}

/**
 * One core. The journal's word counts more than the attributes', theirs more than the file name's. At least one of
 * `file` and `entry` is there; `pod` is what is known of the core's pod beside its cgroup.
 */
export const mergeCore = (
  node: string,
  id: CoreId,
  file: FileFacts | undefined,
  entry: JournalFacts | undefined,
  pod?: KnownPod
): UnversionedCore => {
  const parts = Option.getOrThrow(parseCoreId(id))
  const facts: Partial<UnversionedCore> = {
    COREDUMP_PID: parts.pid,
    COREDUMP_UID: parts.uid,
    ...(parts.comm === "" ? {} : { COREDUMP_COMM: parts.comm }),
    COREDUMP_TIMESTAMP: formatTimestamp(coreIdMicros(parts)) ?? "1970-01-01T00:00:00Z",
    _BOOT_ID: parts.bootId,
    ...(entry === undefined ? file?.xattrs : entry.fields),
    // Without its entry, because the journal has lost it, a core is of the pod that it was known to be of.
    ...podFacts(entry === undefined ? pod?.cgroup : entry.pod, pod)
  }
  const reason = file === undefined ? entry?.absence : file.unreadable
  return {
    id,
    node,
    state: file === undefined ? "missing" : entry === undefined ? "pending" : entry.truncated ? "truncated" : "present",
    compression: parts.compression,
    ...(file === undefined ? {} : { size: file.size }),
    ...(reason === undefined ? {} : { reason }),
    ...signalFacts(facts),
    ...facts
  } as UnversionedCore
}

/** What the number of the signal alone tells; the journal tells it better. */
const signalFacts = (facts: Partial<UnversionedCore>): Partial<UnversionedCore> => {
  const name = signalName(facts.COREDUMP_SIGNAL ?? 0)
  if (name === undefined) return {}
  const program = facts.COREDUMP_COMM
  return {
    COREDUMP_SIGNAL_NAME: name,
    ...(program === undefined ? {} : { title: crashTitle(name, program, undefined) })
  }
}
