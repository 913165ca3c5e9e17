/**
 * Stack traces, as systemd-coredump writes them into the MESSAGE of its journal entry (elfutils' view of the core),
 * and the signature by which crashes of one cause are told from others.
 */
import { Option, Schema } from "effect"
import { Digest } from "effect/crypto"
import { Hex } from "effect/encoding"

const optionalString = Schema.optionalKey(Schema.String)

/** One frame. What the unwinder did not find out is absent. */
export const StackFrame = Schema.Struct({
  /** `0x00007f3c1a2b3c4d`. */
  address: Schema.String,
  function: optionalString,
  /** File name or path of the ELF object. */
  module: optionalString,
  /** Offset of the address in the module, `0x1139`. */
  offset: optionalString,
  /** Build id of the module, hex. */
  build_id: optionalString
})
export type StackFrame = typeof StackFrame.Type

/** One thread, innermost frame first. */
export const StackThread = Schema.Struct({
  /** Thread id, as the crashed process's own host sees it. */
  tid: Schema.Int,
  frames: Schema.Array(StackFrame)
})
export type StackThread = typeof StackThread.Type

/** All threads; the one that crashed is the first. */
export const StackTrace = Schema.Struct({ threads: Schema.Array(StackThread) })
export type StackTrace = typeof StackTrace.Type

const threadLine = /^\s*Stack trace of thread (\d{1,10}):/
const frameStart = /^\s*#\d+\s+(0x[0-9a-f]+) /
const hexNumber = /^0x[0-9a-f]+$/

// Bounds for text from outside: a stack overflow leaves thousands of frames, a server hundreds of threads, and names
// come from the symbol table of whatever crashed.
const maxThreads = 1024
const maxFrames = 1024
const maxLine = 4096

const known = (text: string | undefined) => text === undefined || text === "n/a" || text === "" ? undefined : text

const linesOf = (message: string) => message.split("\n").map((line) => line.slice(0, maxLine))

// A file that is gone since the process began, replaced by a newer one perhaps.
const deleted = / \(deleted\)(?=(?: \+ 0x[0-9a-f]+)?\)$)/

/**
 * `#0  0x000055e0c0b7d139 deep3 (crashme + 0x1139)`; `n/a` stands for what is unknown. C++ names hold spaces and
 * parentheses, so the module is what stands in the last ones, but for a ` (deleted)` behind it.
 */
const parseFrame = (line: string): StackFrame | undefined => {
  const start = frameStart.exec(line)
  if (start === null) return undefined
  const rest = line.slice(start[0].length).trimEnd().replace(deleted, "")
  const open = rest.endsWith(")") ? rest.lastIndexOf(" (") : -1
  const name = known(open === -1 ? rest : rest.slice(0, open))
  const place = open === -1 ? "" : rest.slice(open + 2, -1)
  const plus = place.lastIndexOf(" + ")
  const hasOffset = plus !== -1 && hexNumber.test(place.slice(plus + 3))
  const module = known(hasOffset ? place.slice(0, plus) : place)
  return {
    address: start[1]!,
    ...(name === undefined ? {} : { function: name }),
    ...(module === undefined ? {} : { module }),
    ...(hasOffset ? { offset: place.slice(plus + 3) } : {})
  }
}

/** `Module libc.so.6 with build-id 0123…`; some versions say `Found module`, `[dso]`, a package, or put a colon. */
const parseModule = (line: string): readonly [string, string] | undefined => {
  const text = line.trim().replace(/^Found module /, "Module ")
  const at = text.lastIndexOf(" with build-id")
  if (at === -1 || !text.startsWith("Module ")) return undefined
  const buildId = text.slice(at + " with build-id".length).replace(/^:? /, "")
  if (!/^[0-9a-f]+\.?$/.test(buildId)) return undefined
  const module = text.slice("Module ".length, at).replace(/^\[dso\] /, "").split(" from ")[0]!.replace(
    / \(deleted\)$/,
    ""
  )
  return [basename(module), buildId.replace(".", "")]
}

const Modules = Schema.Record(Schema.String, Schema.Json)
const ModuleWithBuildId = Schema.Struct({ buildId: Schema.String })
const decodeModules = Schema.decodeOption(Schema.fromJsonString(Modules))
const isModuleWithBuildId = Schema.is(ModuleWithBuildId)

/** The build ids that the journal's COREDUMP_PACKAGE_JSON tells (systemd 249 and later), by name of the module. */
const packageBuildIds = (json: string | undefined): ReadonlyArray<readonly [string, string]> =>
  Object.entries(Option.getOrElse(decodeModules(json ?? "{}"), () => ({}))).flatMap(([module, about]) =>
    isModuleWithBuildId(about) ? [[basename(module), about.buildId] as const] : []
  )

/**
 * Parses a journal MESSAGE; build ids come from it or from COREDUMP_PACKAGE_JSON. Undefined where it holds no stack
 * trace. Lines that are not known are passed over.
 */
export const parseStackTrace = (message: string, packageJson?: string): StackTrace | undefined => {
  const buildIds = new Map(packageBuildIds(packageJson))
  const threads: Array<{ readonly tid: number; readonly frames: Array<StackFrame> }> = []
  for (const line of linesOf(message)) {
    const thread = threadLine.exec(line)
    if (thread !== null) {
      if (threads.length === maxThreads) break
      threads.push({ tid: Number(thread[1]), frames: [] })
      continue
    }
    const frames = threads.at(-1)?.frames
    if (frames === undefined) {
      const module = parseModule(line)
      if (module !== undefined) buildIds.set(...module)
      continue
    }
    const frame = frames.length === maxFrames ? undefined : parseFrame(line)
    if (frame === undefined) continue
    const buildId = frame.module === undefined ? undefined : buildIds.get(basename(frame.module))
    frames.push(buildId === undefined ? frame : { ...frame, build_id: buildId })
  }
  return threads.length === 0 ? undefined : { threads }
}

const architecturePrefix = "ELF object binary architecture: "

/** The architecture of the crashed program as uname prints it (`x86_64`), where the MESSAGE says it. */
export const parseArchitecture = (message: string): string | undefined => {
  const line = linesOf(message).find((line) => line.trimStart().startsWith(architecturePrefix))
  return line === undefined ? undefined : machines[line.trim().slice(architecturePrefix.length)]
}

// libelf's names (ebl) of the architectures that Kubernetes runs on
const machines: Readonly<Record<string, string>> = {
  "AMD x86-64": "x86_64",
  "AARCH64": "aarch64",
  "PowerPC 64-bit": "ppc64le",
  "IBM S/390": "s390x",
  "RISC-V": "riscv64",
  "Intel 80386": "i686",
  "ARM": "armv7l"
}

const basename = (path: string) => path.slice(path.lastIndexOf("/") + 1)

// Frames that every abort or failed check has on top: they say how the process ended, not where the fault is.
const plumbing = new Set([
  "__pthread_kill_implementation",
  "__pthread_kill_internal",
  "__pthread_kill",
  "pthread_kill",
  "__GI_raise",
  "raise",
  "gsignal",
  "__GI_abort",
  "abort",
  "__assert_fail_base",
  "__assert_fail",
  "__GI___assert_fail",
  "__libc_message",
  "__libc_message_impl",
  "__fortify_fail",
  "__stack_chk_fail",
  "malloc_printerr",
  "__restore_rt"
])

/** The frames that tell crashes apart: those of the crashed thread, without what every abort has on top. */
const tellingFrames = (stack: StackTrace): ReadonlyArray<StackFrame> => {
  const frames = stack.threads[0]?.frames ?? []
  const named = frames.findIndex((frame) => frame.function !== undefined && !plumbing.has(frame.function))
  const above = named === -1 ? frames : frames.slice(0, named)
  const last = above.findLastIndex((frame) => frame.function !== undefined)
  // Unnamed frames of the same module beside them are glibc's own (`n/a (libc.so.6 + 0x8a)` without symbols).
  const start = frames.findIndex((frame, i) =>
    i > last && (last === -1 || frame.function !== undefined || frame.module !== frames[last]!.module)
  )
  return frames.slice(Math.max(start, 0))
}

/** `SIGSEGV in deep3 (crashme)`; without a named frame `SIGSEGV in crashme`. */
export const crashTitle = (signal: string, program: string, stack: StackTrace | undefined): string => {
  const name = stack === undefined ? undefined : tellingFrames(stack)[0]?.function
  return name === undefined ? `${signal} in ${program}` : `${signal} in ${name} (${program})`
}

const signatureVersion = "v1"
const signatureFrames = 5

/**
 * What crashes of one cause have in common: the executable and, of the innermost frames, function and module, never
 * addresses. The version in front says by which rules it was made; signatures compare only within one version.
 * Undefined without a stack trace.
 */
export const crashSignature = (exe: string, stack: StackTrace | undefined): string | undefined => {
  if (stack === undefined) return undefined
  const frames = tellingFrames(stack).slice(0, signatureFrames)
  if (frames.length === 0) return undefined
  const text = [
    exe.replace(/ \(deleted\)$/, ""),
    ...frames.map((frame) => `${frame.function ?? "?"}@${basename(frame.module ?? "?")}`)
  ].join("\n")
  // A name for a group, not a proof: MD5, the one digest that needs neither a host nor an effect.
  return `${signatureVersion}-${Hex.encode(Digest.md5.implementation!(new TextEncoder().encode(text)))}`
}
