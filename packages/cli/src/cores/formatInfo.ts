import {
  type CoreMetadata,
  coreStem,
  isHeavyField,
  parseTimestamp,
  type StackFrame,
  type StackTrace
} from "@koredump/core"
import { escapeHidden, quoteForShell } from "../text/escape.ts"
import { type Field, formatFields } from "../text/formatFields.ts"
import { formatCount } from "../text/sentence.ts"
import { padStart, paint } from "../text/terminalText.ts"
import { formatAge, formatBytes, formatLocalTime, formatOffset } from "../text/units.ts"
import { describeSignal } from "./describeSignal.ts"

/** Options of {@link formatInfo}. */
interface InfoOptions {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly color: boolean
  /** The command that downloads this core. Undefined if none can be copied. */
  readonly downloadCommand: string | undefined
  /** Where the file system with the executable is mounted. Empty for `/`. */
  readonly root: string
}

/** `COREDUMP_PROC_MAPS` → `proc maps` */
const formatFieldName = (key: string) => escapeHidden(key.replace(/^COREDUMP_/, "").replaceAll("_", " ").toLowerCase())

/** The command that debugs the core. Undefined if the executable is unknown, or if its path cannot be copied. */
const formatDebugCommand = ({ COREDUMP_EXE: exe, id }: CoreMetadata, root: string): string | undefined => {
  // A program can report any text as its executable. An absolute path cannot be an option of the debugger.
  if (exe === undefined || !exe.startsWith("/")) return undefined
  const [path, core] = [quoteForShell(root + exe), quoteForShell(coreStem(id))]
  return path === undefined || core === undefined ? undefined : `gdb ${path} ${core}`
}

const hints = (core: CoreMetadata, { downloadCommand, root }: InfoOptions): ReadonlyArray<string> => {
  const heavy = Object.keys(core).filter((key) => isHeavyField(key) && key !== "stack" && key !== "omitted")
  const debugCommand = formatDebugCommand(core, root)
  return [
    ...(core.state === "missing" || downloadCommand === undefined ? [] : [`Download:  ${downloadCommand}`]),
    ...(core.state === "missing" || debugCommand === undefined ? [] : [`Debug:     ${debugCommand}`]),
    ...(heavy.length === 0 ? [] : [`More with -o json: ${heavy.map(formatFieldName).join(", ")}`]),
    ...(core.omitted === undefined ? [] : [`Too large: ${core.omitted.map(formatFieldName).join(", ")}`])
  ]
}

const text = (value: string | undefined) => value === undefined ? undefined : escapeHidden(value)

const joined = (parts: ReadonlyArray<string | undefined>, separator = ", "): string | undefined => {
  const shown = parts.filter((part) => part !== undefined)
  return shown.length === 0 ? undefined : shown.join(separator)
}

const labelled = (label: string, value: string | number | undefined) =>
  value === undefined ? undefined : `${label} ${value}`

const formatSignal = (core: CoreMetadata): string | undefined => {
  const { COREDUMP_SIGNAL: number, COREDUMP_SIGNAL_NAME: name } = core
  if (number === undefined) return text(name)
  const meaning = describeSignal(number)
  return `${name === undefined ? number : `${escapeHidden(name)} (${number})`}${
    meaning === undefined ? "" : `, ${meaning}`
  }`
}

const formatTime = (core: CoreMetadata, now: number): string => {
  const millis = parseTimestamp(core.COREDUMP_TIMESTAMP) / 1000
  return `${formatLocalTime(millis)} ${formatOffset(millis)} (${formatAge((now - millis) / 1000)} ago)`
}

const formatStoredFile = (core: CoreMetadata): string | undefined =>
  core.size === undefined
    ? undefined
    : joined([
      `${formatBytes(core.size)} (${formatCount(core.size, "byte")})`,
      core.compression === "none" ? "uncompressed" : core.compression
    ])

const formatState = (core: CoreMetadata): string => {
  if (core.state === "missing" && core.reason !== undefined) return `missing: ${escapeHidden(core.reason)}`
  const descriptions: Record<CoreMetadata["state"], string> = {
    present: "present",
    truncated: "truncated: the core file is incomplete, so debuggers may show only a part",
    pending: "pending: the journal entry has not been read yet",
    missing: "missing: no core is stored"
  }
  return descriptions[core.state] + (core.reason === undefined ? "" : ` (${escapeHidden(core.reason)})`)
}

const toFields = (core: CoreMetadata, now: number): ReadonlyArray<Field> => [
  ["Program", text(core.COREDUMP_EXE ?? core.COREDUMP_COMM)],
  ["Command line", text(core.COREDUMP_CMDLINE)],
  [
    "Process",
    joined([
      labelled("PID", core.COREDUMP_PID),
      core.COREDUMP_COMM === undefined ? undefined : `name ${escapeHidden(core.COREDUMP_COMM)}`,
      labelled("UID", core.COREDUMP_UID),
      labelled("GID", core.COREDUMP_GID)
    ])
  ],
  ["Signal", formatSignal(core)],
  ["Time", formatTime(core, now)],
  ["Namespace", text(core.namespace)],
  ["Pod", joined([text(core.pod), core.pod_uid === undefined ? undefined : `uid ${escapeHidden(core.pod_uid)}`])],
  [
    "Container",
    joined([
      text(core.container),
      core.container_id === undefined ? undefined : `id ${escapeHidden(core.container_id)}`
    ])
  ],
  ["Workload", text(core.workload)],
  ["Image", joined([text(core.image_name), text(core.image_id)])],
  ["Node", text(core.node)],
  ["Host", text(core.COREDUMP_HOSTNAME ?? core._HOSTNAME)],
  ["Machine", text(core._MACHINE_ID)],
  ["Boot", text(core._BOOT_ID)],
  ["Architecture", text(core.ARCH)],
  ["Control group", text(core.COREDUMP_CGROUP)],
  ["State", formatState(core)],
  ["Stored", formatStoredFile(core)],
  ["Signature", text(core.signature)],
  ["ID", escapeHidden(core.id)]
]

const formatFrame = (frame: StackFrame): string => {
  const place = frame.module === undefined
    ? escapeHidden(frame.address)
    : escapeHidden(frame.module) + (frame.offset === undefined ? "" : ` + ${escapeHidden(frame.offset)}`)
  return `${escapeHidden(frame.function ?? "??")} (${place})`
}

/** The stack trace, the crashed thread first. */
const formatStack = (stack: StackTrace, color: boolean): ReadonlyArray<string> =>
  stack.threads.flatMap((thread, i) => [
    "",
    paint(i === 0 ? `Crashed thread ${thread.tid}:` : `Thread ${thread.tid}:`, 1, color),
    ...thread.frames.map((frame, n) => `${padStart(`#${n}`, 5)}  ${formatFrame(frame)}`),
    ...(thread.frames.length === 0 ? ["       (no frames)"] : [])
  ])

/** Everything that is known about a core, as text. Heavy fields except the stack trace are only named. */
export const formatInfo = (core: CoreMetadata, options: InfoOptions): string =>
  [
    ...(core.title === undefined ? [] : [paint(escapeHidden(core.title), 1, options.color), ""]),
    formatFields(toFields(core, options.now)),
    ...(core.stack === undefined ? [] : formatStack(core.stack, options.color)),
    "",
    ...hints(core, options)
  ].join("\n").trimEnd()
