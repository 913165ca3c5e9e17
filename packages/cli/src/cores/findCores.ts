/** Finds the cores that the operands and filters of a command select. */
import { type CoreQuery, CoreSource, coreStem, type CoreSummary, type Problem, refKey } from "@koredump/core"
import { Clock, Console, Effect } from "effect"
import { type CommandError, failed, notFound } from "../text/CommandError.ts"
import { escapeHidden } from "../text/escape.ts"
import { printNotice } from "../text/messages.ts"
import { Screen } from "../text/Screen.ts"
import { formatCount } from "../text/sentence.ts"
import { formatCoresTable } from "./coresTable.ts"
import type { DownloadTarget } from "./DownloadTarget.ts"
import { chooseCore, matchCores, parseCoreNames } from "./matchCores.ts"

/** How cores are selected. */
interface FindOptions {
  /** If several cores match, select the newest one. */
  readonly newest: boolean
  /** Prefer cores that are stored to crashes without a core. */
  readonly stored: boolean
  readonly query: CoreQuery
}

/** The selected cores. */
interface FoundCores<Core> {
  readonly cores: ReadonlyArray<Core>
  /** Unreachable nodes may have other matching cores. A notice about this has been printed. */
  readonly incomplete: boolean
}

const maxCandidates = 10

/** Prints a table of cores to stderr, before the user chooses or confirms. */
export const printCores = Effect.fnUntraced(function*(cores: ReadonlyArray<CoreSummary>) {
  const { color, stderr } = yield* Screen
  const now = yield* Clock.currentTimeMillis
  yield* Console.error(
    formatCoresTable(cores, { wide: false, width: stderr?.columns, color: color && stderr !== undefined, now })
  )
})

const printCandidates = Effect.fnUntraced(function*(candidates: ReadonlyArray<CoreSummary>) {
  const older = candidates.length - maxCandidates
  yield* printCores(candidates.slice(-maxCandidates))
  if (older > 0) yield* Console.error(`(and ${formatCount(older, "older core")})`)
})

/** Prints which nodes are unreachable, and what that means for the result. */
export const printUnreachable = (unreachable: ReadonlyArray<string>, consequence = "cores may be missing") =>
  unreachable.length === 0
    ? Effect.void
    : printNotice(
      `${formatCount(unreachable.length, "node")} unreachable, ${consequence}: ${
        unreachable.map(escapeHidden).join(", ")
      }`
    )

const findOne = Effect.fnUntraced(function*(name: string | undefined, options: FindOptions) {
  const source = yield* CoreSource
  // A summary contains every name of its core, so `q` reduces the list without losing a match.
  const list = yield* source.list(name === undefined ? options.query : { q: name, ...options.query })
  const choice = chooseCore(name === undefined ? list.cores : matchCores(name, list.cores), options)
  if (choice._tag === "One") {
    const { core } = choice
    // A core ID is unique. Other names can also match a core of an unreachable node.
    const isUnique = name !== undefined && coreStem(core.id) === coreStem(name)
    return { core, unreachable: isUnique ? [] : list.unreachable }
  }
  yield* printUnreachable(list.unreachable)
  if (choice._tag === "None") {
    return yield* notFound(
      name === undefined ? "No core found." : `No core found for "${escapeHidden(name)}".`,
      "List the cores with: koredumpctl list"
    )
  }
  yield* printCandidates(choice.candidates)
  return yield* failed(
    `${formatCount(choice.candidates.length, "core")} match${name === undefined ? "" : ` "${escapeHidden(name)}"`}.`,
    "Specify a process ID or core ID, or use -1 for the newest core."
  )
})

const findByNames = Effect.fnUntraced(function*(
  operands: ReadonlyArray<string>,
  options: FindOptions
): Effect.fn.Return<FoundCores<CoreSummary>, CommandError | Problem, CoreSource | Screen> {
  const names: ReadonlyArray<string | undefined> = operands.length === 0 ? [undefined] : operands
  const found = new Map<string, CoreSummary>()
  const unreachable = new Set<string>()
  for (const name of names) {
    const result = yield* findOne(name, options)
    found.set(refKey(result.core), result.core)
    for (const node of result.unreachable) unreachable.add(node)
  }
  yield* printUnreachable([...unreachable], "a newer or another core may match there")
  return { cores: [...found.values()], incomplete: unreachable.size > 0 }
})

/** The cores that the operands name. Without operands, the core that the filters select. */
export const findCores = Effect.fnUntraced(
  function*(operands: ReadonlyArray<string>, options: FindOptions): Effect.fn.Return<
    FoundCores<DownloadTarget>,
    CommandError | Problem,
    CoreSource | Screen
  > {
    const names = parseCoreNames(operands)
    return names._tag === "Ref"
      ? { cores: [names.ref], incomplete: false }
      : yield* findByNames(names.names, options)
  }
)

/** Like {@link findCores}, but with the summary of each core. */
export const findSummaries = Effect.fnUntraced(
  function*(operands: ReadonlyArray<string>, options: FindOptions): Effect.fn.Return<
    FoundCores<CoreSummary>,
    CommandError | Problem,
    CoreSource | Screen
  > {
    const names = parseCoreNames(operands)
    if (names._tag === "Names") return yield* findByNames(names.names, options)
    return { cores: [yield* CoreSource.use((source) => source.get(names.ref))], incomplete: false }
  }
)

/** All stored cores that match the query. Prints how many crashes without a stored core are skipped. */
export const listStoredCores = Effect.fnUntraced(function*(query: CoreQuery) {
  const list = yield* CoreSource.use((source) => source.list(query))
  yield* printUnreachable(list.unreachable)
  const cores = list.cores.filter(({ state }) => state !== "missing")
  const skipped = list.cores.length - cores.length
  if (skipped > 0) {
    yield* printNotice(`Skipped ${formatCount(skipped, "crash", "crashes")} without a stored core.`)
  }
  return { cores, incomplete: list.unreachable.length > 0 }
})
