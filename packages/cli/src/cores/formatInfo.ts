/** Everything about a core as a person wants to read it. */
import {
  type CoreMetadata,
  coreStem,
  isHeavyField,
  parseTimestamp,
  type StackFrame,
  type StackTrace
} from "@koredump/core"
import { padLeft, plural, shellQuoted, visible } from "../text/escape.ts"
import { type Fact, formatFacts } from "../text/formatFields.ts"
import { painted } from "../text/Screen.ts"
import { formatAge, formatBytes, formatLocalTime, formatOffset } from "../text/units.ts"
import { signalMeaning } from "./describeSignal.ts"

/** How the text is to look. */
export interface InfoOptions {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly color: boolean
  /** The command that fetches this core. */
  readonly fetchCommand: string
  /** Where the file system with the executable is mounted; empty for `/`. */
  readonly root: string
}

/** `COREDUMP_PROC_MAPS` → `proc maps` */
const spoken = (key: string) => visible(key.replace(/^COREDUMP_/, "").replaceAll("_", " ").toLowerCase())

const hints = (core: CoreMetadata, { fetchCommand, root }: InfoOptions): ReadonlyArray<string> => {
  const heavy = Object.keys(core).filter((key) => isHeavyField(key) && key !== "stack")
  return [
    ...(core.state === "missing" ? [] : [`Fetch it:  ${fetchCommand}`]),
    ...(core.state === "missing" || core.COREDUMP_EXE === undefined
      ? []
      : [`Open it:   gdb ${shellQuoted(root + core.COREDUMP_EXE)} ${shellQuoted(coreStem(core.id))}`]),
    ...(heavy.length === 0 ? [] : [`-o json has more: ${heavy.map(spoken).join(", ")}`])
  ]
}

const text = (value: string | undefined) => value === undefined ? undefined : visible(value)

const joined = (parts: ReadonlyArray<string | undefined>, separator = ", "): string | undefined => {
  const known = parts.filter((part) => part !== undefined)
  return known.length === 0 ? undefined : known.join(separator)
}

const labelled = (label: string, value: string | number | undefined) =>
  value === undefined ? undefined : `${label} ${value}`

const signalOf = (core: CoreMetadata): string | undefined => {
  const { COREDUMP_SIGNAL: number, COREDUMP_SIGNAL_NAME: name } = core
  if (number === undefined) return text(name)
  const meaning = signalMeaning(number)
  return `${name === undefined ? number : `${visible(name)} (${number})`}${meaning === undefined ? "" : `, ${meaning}`}`
}

const timeOf = (core: CoreMetadata, now: number): string => {
  const millis = parseTimestamp(core.COREDUMP_TIMESTAMP) / 1000
  return `${formatLocalTime(millis)} ${formatOffset(millis)} (${formatAge((now - millis) / 1000)} ago)`
}

const storedOf = (core: CoreMetadata): string | undefined =>
  core.size === undefined
    ? undefined
    : joined([
      `${formatBytes(core.size)} (${plural(core.size, "byte")})`,
      core.compression === "none" ? "not compressed" : core.compression
    ])

const stateOf = (core: CoreMetadata): string => {
  const said: Record<CoreMetadata["state"], string> = {
    present: "present",
    truncated: "truncated: the core is cut off, debuggers may not get far",
    pending: "pending: the journal does not know the crash yet",
    missing: "missing: the core is not stored"
  }
  return said[core.state] + (core.reason === undefined ? "" : ` (${visible(core.reason)})`)
}

const factsOf = (core: CoreMetadata, now: number): ReadonlyArray<Fact> => [
  ["Program", text(core.COREDUMP_EXE ?? core.COREDUMP_COMM)],
  ["Command line", text(core.COREDUMP_CMDLINE)],
  [
    "Process",
    joined([
      labelled("PID", core.COREDUMP_PID),
      core.COREDUMP_COMM === undefined ? undefined : `name ${visible(core.COREDUMP_COMM)}`,
      labelled("UID", core.COREDUMP_UID),
      labelled("GID", core.COREDUMP_GID)
    ])
  ],
  ["Signal", signalOf(core)],
  ["Time", timeOf(core, now)],
  ["Namespace", text(core.namespace)],
  ["Pod", joined([text(core.pod), core.pod_uid === undefined ? undefined : `uid ${visible(core.pod_uid)}`])],
  [
    "Container",
    joined([text(core.container), core.container_id === undefined ? undefined : `id ${visible(core.container_id)}`])
  ],
  ["Workload", text(core.workload)],
  ["Image", joined([text(core.image_name), text(core.image_id)])],
  ["Node", text(core.node)],
  ["Host", text(core.COREDUMP_HOSTNAME ?? core._HOSTNAME)],
  ["Machine", text(core._MACHINE_ID)],
  ["Boot", text(core._BOOT_ID)],
  ["Architecture", text(core.ARCH)],
  ["Control group", text(core.COREDUMP_CGROUP)],
  ["State", stateOf(core)],
  ["Stored", storedOf(core)],
  ["Signature", text(core.signature)],
  ["ID", visible(core.id)]
]

const frameText = (frame: StackFrame): string => {
  const place = frame.module === undefined
    ? frame.address
    : visible(frame.module) + (frame.offset === undefined ? "" : ` + ${visible(frame.offset)}`)
  return `${visible(frame.function ?? "??")} (${place})`
}

/** The stack trace, the crashed thread first. */
const stackOf = (stack: StackTrace, color: boolean): ReadonlyArray<string> =>
  stack.threads.flatMap((thread, i) => [
    "",
    painted(i === 0 ? `Crashed thread ${thread.tid}:` : `Thread ${thread.tid}:`, 1, color),
    ...thread.frames.map((frame, n) => `${padLeft(`#${n}`, 5)}  ${frameText(frame)}`),
    ...(thread.frames.length === 0 ? ["       (no frames)"] : [])
  ])

/** See the module's text. */
export const formatInfo = (core: CoreMetadata, options: InfoOptions): string =>
  [
    ...(core.title === undefined ? [] : [painted(visible(core.title), 1, options.color), ""]),
    formatFacts(factsOf(core, options.now)),
    ...(core.stack === undefined ? [] : stackOf(core.stack, options.color)),
    "",
    ...hints(core, options)
  ].join("\n").trimEnd()
