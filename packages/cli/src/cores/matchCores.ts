/** Which core a person means: by id, a beginning of one, a process id, or a program. */
import { CoreId, type CoreRef, coreStem, type CoreSummary } from "@koredump/core"
import { Schema } from "effect"

const isCoreId = Schema.is(CoreId)

/** Cores as named on the command line: `NODE ID`, or names by themselves. */
export type Naming =
  | { readonly _tag: "Ref"; readonly ref: CoreRef }
  | { readonly _tag: "Names"; readonly names: ReadonlyArray<string> }

/** Reads the operands of a verb. Two of which only the second is an id are `NODE ID`. */
export const readNaming = (operands: ReadonlyArray<string>): Naming => {
  const [node, id] = operands
  return operands.length === 2 && !isCoreId(node) && isCoreId(id)
    ? { _tag: "Ref", ref: { node: node!, id } }
    : { _tag: "Names", names: operands }
}

const basename = (path: string) => path.slice(path.lastIndexOf("/") + 1)

// The ways to name a core. The first that fits any core counts: an id is never taken for a program.
const ways: ReadonlyArray<(name: string, core: CoreSummary) => boolean> = [
  (name, core) => core.id === name,
  (name, core) => coreStem(core.id) === coreStem(name),
  (name, core) => /^\d+$/.test(name) && core.COREDUMP_PID === Number(name),
  (name, core) => core.COREDUMP_EXE === name,
  (name, core) =>
    core.COREDUMP_COMM === name || (core.COREDUMP_EXE !== undefined && basename(core.COREDUMP_EXE) === name),
  (name, core) => name.startsWith("core.") && core.id.startsWith(name)
]

/** All cores that a name fits, in their order. */
export const matching = (name: string, cores: ReadonlyArray<CoreSummary>): ReadonlyArray<CoreSummary> => {
  for (const fits of ways) {
    const found = cores.filter((core) => fits(name, core))
    if (found.length > 0) return found
  }
  return []
}

/** One core, none, or too many to choose from. */
export type Choice =
  | { readonly _tag: "One"; readonly core: CoreSummary }
  | { readonly _tag: "None" }
  | { readonly _tag: "Ambiguous"; readonly candidates: ReadonlyArray<CoreSummary> }

/**
 * Chooses one of the matching cores (oldest first); `newest` takes the last. With `stored`, crashes without a stored
 * core stand back for those that have one.
 */
export const choose = (
  matches: ReadonlyArray<CoreSummary>,
  options: { readonly newest: boolean; readonly stored: boolean }
): Choice => {
  const stored = options.stored ? matches.filter(({ state }) => state !== "missing") : []
  const candidates = stored.length > 0 ? stored : matches
  const last = candidates.at(-1)
  if (last === undefined) return { _tag: "None" }
  return candidates.length === 1 || options.newest ? { _tag: "One", core: last } : { _tag: "Ambiguous", candidates }
}
