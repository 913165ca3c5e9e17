/**
 * Extended attributes of core files. systemd-coredump sets them, and koredump uses them while the journal entry of a core
 * is unknown. The owner of a file can set any value, so values are checked.
 */
import { formatTimestamp, type UnversionedCore } from "@koredump/core"
import { Schema } from "effect"
import { decodeShort } from "./shortText.ts"
import { loadXattrBinding, type XattrBinding } from "./xattrBinding.ts"

const prefix = "user.coredump."
const maxBytes = 4096

let loaded: { readonly binding: XattrBinding | undefined } | undefined

// Loaded on first use. Without a binary for this machine, files are handled as if they had no attributes.
const getBinding = (): XattrBinding | undefined => {
  if (loaded === undefined) {
    try {
      loaded = { binding: loadXattrBinding() }
    } catch {
      loaded = { binding: undefined }
    }
  }
  return loaded.binding
}

/** Whether this machine has a binary of the addon, so that extended attributes can be read. */
export const canReadXattrs = (): boolean => getBinding() !== undefined

const names = {
  pid: "COREDUMP_PID",
  uid: "COREDUMP_UID",
  gid: "COREDUMP_GID",
  signal: "COREDUMP_SIGNAL",
  timestamp: "COREDUMP_TIMESTAMP",
  comm: "COREDUMP_COMM",
  exe: "COREDUMP_EXE",
  hostname: "COREDUMP_HOSTNAME",
  rlimit: "COREDUMP_RLIMIT"
} as const

const Text = Schema.String.pipe(Schema.check(Schema.isNonEmpty()))
const Natural = Schema.String.pipe(Schema.check(Schema.isPattern(/^\d{1,10}$/)))
const Micros = Schema.String.pipe(Schema.check(Schema.isPattern(/^\d{1,16}$/)))

const isText = Schema.is(Text)
const isNatural = Schema.is(Natural)
const isMicros = Schema.is(Micros)

const decodeValue = (name: keyof typeof names, bytes: Uint8Array): string | number | undefined => {
  const text = decodeShort(bytes)
  switch (name) {
    case "pid":
    case "uid":
    case "gid":
    case "signal":
      return isNatural(text) ? Number(text) : undefined
    case "timestamp":
      return isMicros(text) ? formatTimestamp(Number(text)) : undefined
    default:
      return isText(text) ? text : undefined
  }
}

/** Decodes raw attributes to fields of a core. Invalid attributes are skipped. */
export const decodeXattrs = (raw: ReadonlyMap<string, Uint8Array>): Partial<UnversionedCore> => {
  const fields: Record<string, string | number> = {}
  for (const [name, key] of Object.entries(names) as ReadonlyArray<[keyof typeof names, string]>) {
    const bytes = raw.get(prefix + name)
    if (bytes === undefined || bytes.length > maxBytes) continue
    const value = decodeValue(name, bytes)
    if (value !== undefined) fields[key] = value
  }
  return fields as Partial<UnversionedCore>
}

/**
 * Reads the attributes of a file as fields of a core. Empty if the file has no attributes or they cannot be read. Symbolic
 * links are not followed.
 */
export const readXattrs = (path: string): Partial<UnversionedCore> => {
  const binding = getBinding()
  if (binding === undefined) return {}
  const raw = new Map<string, Uint8Array>()
  try {
    const present = new Set(binding.listAttributesSync(path))
    for (const name of Object.keys(names)) {
      const value = present.has(prefix + name) ? binding.getAttributeSync(path, prefix + name) : null
      if (value !== null) raw.set(prefix + name, value)
    }
  } catch {
    // Deleted meanwhile, permission denied or not supported. The file name and the journal entry have the same fields.
  }
  return decodeXattrs(raw)
}
