/** Finds the cores that a user names by core ID (or its beginning), process ID or program. */
import { CoreId, type CoreRef, coreStem, type CoreSummary } from "@koredump/core"
import { Schema } from "effect"

const isCoreId = Schema.is(CoreId)

/** The operands of a command: `NODE ID`, or names of cores. */
type CoreNames =
  | { readonly _tag: "Ref"; readonly ref: CoreRef }
  | { readonly _tag: "Names"; readonly names: ReadonlyArray<string> }

/** Parses the operands. They are `NODE ID` if there are two and only the second one is a core ID. */
export const parseCoreNames = (operands: ReadonlyArray<string>): CoreNames => {
  const [node, id] = operands
  return operands.length === 2 && !isCoreId(node) && isCoreId(id)
    ? { _tag: "Ref", ref: { node: node!, id } }
    : { _tag: "Names", names: operands }
}

const basename = (path: string) => path.slice(path.lastIndexOf("/") + 1)

// The first matcher that matches any core wins, so that an ID is never taken for the name of a program.
const matchers: ReadonlyArray<(name: string, core: CoreSummary) => boolean> = [
  (name, core) => core.id === name,
  (name, core) => coreStem(core.id) === coreStem(name),
  (name, core) => /^\d+$/.test(name) && core.COREDUMP_PID === Number(name),
  (name, core) => core.COREDUMP_EXE === name,
  (name, core) =>
    core.COREDUMP_COMM === name || (core.COREDUMP_EXE !== undefined && basename(core.COREDUMP_EXE) === name),
  (name, core) => name.startsWith("core.") && core.id.startsWith(name)
]

/** The cores that a name matches, in their order. */
export const matchCores = (name: string, cores: ReadonlyArray<CoreSummary>): ReadonlyArray<CoreSummary> => {
  for (const matches of matchers) {
    const matched = cores.filter((core) => matches(name, core))
    if (matched.length > 0) return matched
  }
  return []
}

/** The result of {@link chooseCore}. */
type Choice =
  | { readonly _tag: "One"; readonly core: CoreSummary }
  | { readonly _tag: "None" }
  | { readonly _tag: "Ambiguous"; readonly candidates: ReadonlyArray<CoreSummary> }

/**
 * Chooses one of the matching cores (oldest first). `newest` chooses the last one. `stored` prefers cores that are stored
 * to crashes without a core.
 */
export const chooseCore = (
  matches: ReadonlyArray<CoreSummary>,
  options: { readonly newest: boolean; readonly stored: boolean }
): Choice => {
  const stored = options.stored ? matches.filter(({ state }) => state !== "missing") : []
  const candidates = stored.length > 0 ? stored : matches
  const last = candidates.at(-1)
  if (last === undefined) return { _tag: "None" }
  return candidates.length === 1 || options.newest ? { _tag: "One", core: last } : { _tag: "Ambiguous", candidates }
}
