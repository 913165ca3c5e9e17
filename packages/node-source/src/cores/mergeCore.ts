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
import type { StoredFile } from "../host/StoredFile.ts"
import type { JournalEntryInfo } from "../journal/decodeEntry.ts"
import { type ResolvedPod, toPodFields } from "../pods/ResolvedPod.ts"

/** Everything that is known about one core. At least one of `file` and `entry` is present. */
interface CoreParts {
  readonly node: string
  readonly id: CoreId
  readonly file?: StoredFile | undefined
  readonly entry?: JournalEntryInfo | undefined
  readonly pod?: ResolvedPod | undefined
}

/** Merges the parts to a core summary. The journal entry overrides extended attributes, which override the file name. */
export const mergeCore = ({ entry, file, id, node, pod }: CoreParts): UnversionedCore => {
  const parts = Option.getOrThrow(parseCoreId(id))
  const fields: Partial<UnversionedCore> = {
    COREDUMP_PID: parts.pid,
    COREDUMP_UID: parts.uid,
    ...(parts.comm === "" ? {} : { COREDUMP_COMM: parts.comm }),
    COREDUMP_TIMESTAMP: entry?.fields.COREDUMP_TIMESTAMP ?? formatTimestamp(coreIdMicros(parts)) ??
      "1970-01-01T00:00:00Z",
    _BOOT_ID: parts.bootId,
    ...(entry === undefined ? file?.xattrs : entry.fields),
    // If the journal has lost the entry, the stored pod identity is used with the cgroup that it was resolved for.
    ...toPodFields(entry === undefined ? pod?.cgroup : entry.pod, pod)
  }
  const reason = file === undefined
    ? entry?.missingReason
    : file.unreadable === undefined
    ? undefined
    : `The core file is not readable: ${file.unreadable}.`
  return {
    id,
    node,
    state: file === undefined ? "missing" : entry === undefined ? "pending" : entry.truncated ? "truncated" : "present",
    compression: parts.compression,
    ...(file === undefined ? {} : { size: file.size }),
    ...(reason === undefined ? {} : { reason }),
    ...toSignalFields(fields),
    ...fields
  } as UnversionedCore
}

/** Signal name and title from the signal number. The journal entry has better ones, with the crashed function. */
const toSignalFields = ({ COREDUMP_COMM, COREDUMP_SIGNAL }: Partial<UnversionedCore>): Partial<UnversionedCore> => {
  const name = signalName(COREDUMP_SIGNAL ?? 0)
  if (name === undefined) return {}
  return {
    COREDUMP_SIGNAL_NAME: name,
    ...(COREDUMP_COMM === undefined ? {} : { title: crashTitle(name, COREDUMP_COMM, undefined) })
  }
}
