/** What a node's `kernel.core_pattern` means for koredump: whether crashes there reach systemd-coredump. */

/** Whether systemd-coredump gets the cores: `unknown` where a program gets them that may hand them on. */
export type CorePatternSupport = "yes" | "no" | "unknown"

/** Programs that keep cores to themselves. */
const others = new Set(["abrt-hook-ccpp", "apport", "false", "true"])

/** See the module's text. core(5): `|PROGRAM ARGUMENTS…`, `@SOCKET`, `@@SOCKET`, else a file's name. */
export const corePatternSupport = (pattern: string): CorePatternSupport => {
  const text = pattern.trim()
  if (text.startsWith("@")) return /^@@?\/run\/systemd\/coredump[^/]*\/[^/]+$/.test(text) ? "yes" : "unknown"
  if (!text.startsWith("|")) return "no"
  const program = text.slice(1).trimStart().split(/\s/, 1)[0]!
  const name = program.slice(program.lastIndexOf("/") + 1)
  if (program.startsWith("/") && name === "systemd-coredump") return "yes"
  return others.has(name) ? "no" : "unknown"
}
