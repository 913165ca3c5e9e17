/**
 * The extended attributes that systemd-coredump gives to a core: what is known of it while the journal has no entry.
 * Whoever owns a file can write any value into them.
 */
import { formatTimestamp, type UnversionedCore } from "@koredump/core"
import { Schema } from "effect"
import { loadXattrBinding, type XattrBinding } from "./xattrBinding.ts"

const prefix = "user.coredump."
const maxBytes = 4096

let loaded: { readonly binding: XattrBinding | undefined } | undefined

// At first use, and a missing binary (another C library, another architecture) is as a file system without attributes.
const load = (): XattrBinding | undefined => {
  if (loaded === undefined) {
    try {
      loaded = { binding: loadXattrBinding() }
    } catch {
      loaded = { binding: undefined }
    }
  }
  return loaded.binding
}

/** Whether extended attributes can be read on this machine at all. */
export const canReadXattrs = (): boolean => load() !== undefined

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

const utf8 = new TextDecoder()

const decode = (name: keyof typeof names, text: string): string | number | undefined => {
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

/** What raw attributes say, each judged alone: a bad one is passed over. */
export const decodeXattrs = (raw: ReadonlyMap<string, Uint8Array>): Partial<UnversionedCore> => {
  const fields: Record<string, string | number> = {}
  for (const [name, key] of Object.entries(names) as ReadonlyArray<[keyof typeof names, string]>) {
    const bytes = raw.get(prefix + name)
    if (bytes === undefined || bytes.length > maxBytes) continue
    const value = decode(name, utf8.decode(bytes))
    if (value !== undefined) fields[key] = value
  }
  return fields as Partial<UnversionedCore>
}

/** The facts in a file's attributes; none where it has none or they cannot be read. Links are not followed. */
export const readXattrs = (path: string): Partial<UnversionedCore> => {
  const binding = load()
  if (binding === undefined) return {}
  const raw = new Map<string, Uint8Array>()
  try {
    const present = new Set(binding.listAttributesSync(path))
    for (const name of Object.keys(names)) {
      const value = present.has(prefix + name) ? binding.getAttributeSync(path, prefix + name) : null
      if (value !== null) raw.set(prefix + name, value)
    }
  } catch {
    // Gone in between, not permitted, or not supported: the file's name and the journal suffice.
  }
  return decodeXattrs(raw)
}
