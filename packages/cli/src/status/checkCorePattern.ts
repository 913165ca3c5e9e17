/** Whether systemd-coredump receives the cores. `unknown`: another program receives them, and may forward them. */
export type CorePatternSupport = "yes" | "no" | "unknown"

/** Programs that do not forward cores. */
const otherPrograms = new Set(["abrt-hook-ccpp", "apport", "false", "true"])

/** Whether a core pattern leads to systemd-coredump. See core(5): `|PROGRAM ARGUMENTS…`, `@SOCKET`, `@@SOCKET`, or a file. */
export const checkCorePattern = (pattern: string): CorePatternSupport => {
  const text = pattern.trim()
  if (text.startsWith("@")) return /^@@?\/run\/systemd\/coredump[^/]*\/[^/]+$/.test(text) ? "yes" : "unknown"
  if (!text.startsWith("|")) return "no"
  const program = text.slice(1).trimStart().split(/\s/, 1)[0]!
  const name = program.slice(program.lastIndexOf("/") + 1)
  if (program.startsWith("/") && name === "systemd-coredump") return "yes"
  return otherPrograms.has(name) ? "no" : "unknown"
}
