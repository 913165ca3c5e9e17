/**
 * Stack traces from the MESSAGE of systemd-coredump's journal entries (written by elfutils), and crash signatures, which
 * group crashes with the same cause.
 */
import { Option, Schema } from "effect"
import { Digest } from "effect/crypto"
import { Hex } from "effect/encoding"

const optionalString = Schema.optionalKey(Schema.String)

/** A stack frame. Values that the unwinder could not determine are absent. */
export const StackFrame = Schema.Struct({
  /** For example `0x00007f3c1a2b3c4d`. */
  address: Schema.String,
  function: optionalString,
  /** File name or path of the ELF object. */
  module: optionalString,
  /** Offset of the address in the module, for example `0x1139`. */
  offset: optionalString,
  /** Build ID of the module in hex. */
  build_id: optionalString
})
export type StackFrame = typeof StackFrame.Type

/** A thread. The first frame is the innermost one. */
export const StackThread = Schema.Struct({
  /** Thread ID on the host. */
  tid: Schema.Int,
  frames: Schema.Array(StackFrame)
})
export type StackThread = typeof StackThread.Type

/** All threads. The first one crashed. */
export const StackTrace = Schema.Struct({ threads: Schema.Array(StackThread) })
export type StackTrace = typeof StackTrace.Type

const threadLine = /^\s*Stack trace of thread (\d{1,10}):/
const frameStart = /^\s*#\d+\s+(0x[0-9a-f]+) /
const hexNumber = /^0x[0-9a-f]+$/

// Limits for untrusted text: a stack overflow has thousands of frames, a server hundreds of threads, and names come from
// the symbol table of the crashed program.
const maxThreads = 1024
const maxFrames = 1024
/** In all threads: as many as systemd-coredump writes, which is at most 64 frames of each of 64 threads. */
const maxAllFrames = 4096
const maxLine = 4096

const dropUnknown = (text: string | undefined) => text === undefined || text === "n/a" || text === "" ? undefined : text

const toLines = (message: string) => message.split("\n").map((line) => line.slice(0, maxLine))

// The kernel's mark for a file that was deleted or replaced after the process started.
const deleted = / \(deleted\)(?=(?: \+ 0x[0-9a-f]+)?\)$)/

/**
 * Parses `#0  0x000055e0c0b7d139 deep3 (crashme + 0x1139)`, where `n/a` means unknown. C++ names contain spaces and
 * parentheses, so the module is in the last parentheses, apart from a ` (deleted)` after it.
 */
const parseFrame = (line: string): StackFrame | undefined => {
  const start = frameStart.exec(line)
  if (start === null) return undefined
  const rest = line.slice(start[0].length).trimEnd().replace(deleted, "")
  const open = rest.endsWith(")") ? rest.lastIndexOf(" (") : -1
  const name = dropUnknown(open === -1 ? rest : rest.slice(0, open))
  const place = open === -1 ? "" : rest.slice(open + 2, -1)
  const plus = place.lastIndexOf(" + ")
  const hasOffset = plus !== -1 && hexNumber.test(place.slice(plus + 3))
  const module = dropUnknown(hasOffset ? place.slice(0, plus) : place)
  return {
    address: start[1]!,
    ...(name === undefined ? {} : { function: name }),
    ...(module === undefined ? {} : { module }),
    ...(hasOffset ? { offset: place.slice(plus + 3) } : {})
  }
}

/**
 * Parses `Module libc.so.6 with build-id 0123…`. Some versions write `Found module`, `[dso]`, a package name or a colon.
 */
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

/** Module names and build IDs from COREDUMP_PACKAGE_JSON (systemd 249 and later). */
const packageBuildIds = (json: string | undefined): ReadonlyArray<readonly [string, string]> =>
  Object.entries(Option.getOrElse(decodeModules(json ?? "{}"), () => ({}))).flatMap(([module, about]) =>
    isModuleWithBuildId(about) ? [[basename(module), about.buildId] as const] : []
  )

/**
 * Parses a journal MESSAGE. Build IDs come from it or from COREDUMP_PACKAGE_JSON. Returns undefined if the message
 * contains no stack trace. Ignores unknown lines.
 */
export const parseStackTrace = (message: string, packageJson?: string): StackTrace | undefined => {
  const buildIds = new Map(packageBuildIds(packageJson))
  const threads: Array<{ readonly tid: number; readonly frames: Array<StackFrame> }> = []
  let count = 0
  for (const line of toLines(message)) {
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
    const frame = frames.length === maxFrames || count === maxAllFrames ? undefined : parseFrame(line)
    if (frame === undefined) continue
    count += 1
    const buildId = frame.module === undefined ? undefined : buildIds.get(basename(frame.module))
    frames.push(buildId === undefined ? frame : { ...frame, build_id: buildId })
  }
  return threads.length === 0 ? undefined : { threads }
}

const architecturePrefix = "ELF object binary architecture: "

/** The architecture of the crashed program as printed by uname (`x86_64`). Undefined if the MESSAGE does not contain it. */
export const parseArchitecture = (message: string): string | undefined => {
  const line = toLines(message).find((line) => line.trimStart().startsWith(architecturePrefix))
  return line === undefined ? undefined : machines[line.trim().slice(architecturePrefix.length)]
}

// libelf's names (ebl) of the architectures that Kubernetes supports.
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

// Innermost frames of every abort or failed check. They show how the process ended, not where the bug is.
const abortFunctions = new Set([
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

/** The frames of the crashed thread, without the innermost frames that every abort has. */
const toSignificantFrames = (stack: StackTrace): ReadonlyArray<StackFrame> => {
  const frames = stack.threads[0]?.frames ?? []
  const named = frames.findIndex((frame) => frame.function !== undefined && !abortFunctions.has(frame.function))
  const above = named === -1 ? frames : frames.slice(0, named)
  const last = above.findLastIndex((frame) => frame.function !== undefined)
  // Adjacent unnamed frames of the same module belong to glibc (`n/a (libc.so.6 + 0x8a)` without symbols).
  const start = frames.findIndex((frame, i) =>
    i > last && (last === -1 || frame.function !== undefined || frame.module !== frames[last]!.module)
  )
  return frames.slice(Math.max(start, 0))
}

/** The crash title: `SIGSEGV in deep3 (crashme)`, or `SIGSEGV in crashme` without a named frame. */
export const crashTitle = (signal: string, program: string, stack: StackTrace | undefined): string => {
  const name = stack === undefined ? undefined : toSignificantFrames(stack)[0]?.function
  return name === undefined ? `${signal} in ${program}` : `${signal} in ${name} (${program})`
}

const signatureVersion = "v1"
const signatureFrames = 5

/**
 * The crash signature, which crashes with the same cause have in common. It is computed from the executable and from
 * function and module of the innermost frames, not from addresses. It starts with the version of the algorithm: only
 * signatures of the same version are comparable. Undefined without a stack trace.
 */
export const crashSignature = (exe: string, stack: StackTrace | undefined): string | undefined => {
  if (stack === undefined) return undefined
  const frames = toSignificantFrames(stack).slice(0, signatureFrames)
  if (frames.length === 0) return undefined
  const text = [
    exe.replace(/ \(deleted\)$/, ""),
    ...frames.map((frame) => `${frame.function ?? "?"}@${basename(frame.module ?? "?")}`)
  ].join("\n")
  return toSignature(text)
}

/** Signatures by their text: most crashes have the cause of an earlier one. */
const signatures = new Map<string, string>()
const maxSignatures = 256

const toSignature = (text: string): string => {
  const known = signatures.get(text)
  if (known !== undefined) return known
  // MD5 is sufficient to name a group, and the only digest that is synchronous on all platforms.
  const signature = `${signatureVersion}-${Hex.encode(Digest.md5.implementation!(new TextEncoder().encode(text)))}`
  if (signatures.size >= maxSignatures) signatures.clear()
  if (text.length <= maxLine) signatures.set(text, signature)
  return signature
}
