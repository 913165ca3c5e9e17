/** Finding the core that a verb is about. */
import { type CoreQuery, CoreSource, coreStem, type CoreSummary, type Problem, refKey } from "@koredump/core"
import { Clock, Console, Effect } from "effect"
import { exitCodes, Failure, notFound } from "../text/CommandError.ts"
import { plural, visible } from "../text/escape.ts"
import { note, Screen } from "../text/Screen.ts"
import { formatTable } from "./coresTable.ts"
import type { Wanted } from "./downloadCores.ts"
import { choose, matching, readNaming } from "./matchCores.ts"

/** How cores are looked for. */
export interface FindOptions {
  readonly newest: boolean
  /** A stored core is wanted: crashes without one stand back. */
  readonly stored: boolean
  readonly query: CoreQuery
}

/** What was found. */
export interface Found<Core> {
  readonly cores: ReadonlyArray<Core>
  /** There may be others on nodes that could not be reached, which has been said. */
  readonly incomplete: boolean
}

const maxShown = 10

/** Cores as `list` shows them, for a person to decide on. */
export const showCores = Effect.fnUntraced(function*(cores: ReadonlyArray<CoreSummary>) {
  const { color, stderr } = yield* Screen
  const now = yield* Clock.currentTimeMillis
  yield* Console.error(
    formatTable(cores, { wide: false, width: stderr?.columns, color: color && stderr !== undefined, now })
  )
})

/** The newest candidates: by their process ids one can be named. */
const showCandidates = Effect.fnUntraced(function*(candidates: ReadonlyArray<CoreSummary>) {
  const older = candidates.length - maxShown
  yield* showCores(candidates.slice(-maxShown))
  if (older > 0) yield* Console.error(`(and ${older} older)`)
})

/** Says that what is shown may not be all, or what else that means. */
export const noteUnreachable = (unreachable: ReadonlyArray<string>, meaning = "cores may be missing") =>
  unreachable.length === 0 ? Effect.void : note(
    `${plural(unreachable.length, "node")} could not be reached, ${meaning}: ${unreachable.map(visible).join(", ")}`
  )

const findOne = Effect.fnUntraced(function*(name: string | undefined, options: FindOptions) {
  const source = yield* CoreSource
  // Whatever fits a name has it somewhere in its summary: the server need not send all others.
  const list = yield* source.list(name === undefined ? options.query : { q: name, ...options.query })
  const choice = choose(name === undefined ? list.cores : matching(name, list.cores), options)
  if (choice._tag === "One") {
    const { core } = choice
    // Of an id there is one; anything else may fit a core that is not to be seen now, too.
    const isCertain = name !== undefined && coreStem(core.id) === coreStem(name)
    return { core, unreachable: isCertain ? [] : list.unreachable }
  }
  yield* noteUnreachable(list.unreachable)
  if (choice._tag === "None") {
    return yield* notFound(
      name === undefined ? "No core found." : `No core found for "${visible(name)}".`,
      "See what there is with: koredumpctl list"
    )
  }
  yield* showCandidates(choice.candidates)
  return yield* new Failure({
    exitCode: exitCodes.failed,
    message: `${plural(choice.candidates.length, "core")} fit${name === undefined ? "" : ` "${visible(name)}"`}.`,
    hint: "Name one by its process id or its id, or take the newest with -1."
  })
})

const findNamed = Effect.fnUntraced(function*(
  operands: ReadonlyArray<string>,
  options: FindOptions
): Effect.fn.Return<Found<CoreSummary>, Failure | Problem, CoreSource | Screen> {
  const names: ReadonlyArray<string | undefined> = operands.length === 0 ? [undefined] : operands
  const found = new Map<string, CoreSummary>()
  const away = new Set<string>()
  for (const name of names) {
    const { core, unreachable } = yield* findOne(name, options)
    found.set(refKey(core), core)
    for (const node of unreachable) away.add(node)
  }
  yield* noteUnreachable([...away], "there may be a newer core or another one")
  return { cores: [...found.values()], incomplete: away.size > 0 }
})

/** The cores that the operands name; without operands the one that the filters leave. */
export const findCores = Effect.fnUntraced(
  function*(operands: ReadonlyArray<string>, options: FindOptions): Effect.fn.Return<
    Found<Wanted>,
    Failure | Problem,
    CoreSource | Screen
  > {
    const naming = readNaming(operands)
    return naming._tag === "Ref"
      ? { cores: [naming.ref], incomplete: false }
      : yield* findNamed(naming.names, options)
  }
)

/** As {@link findCores}, with what a list shows of each. */
export const findSummaries = Effect.fnUntraced(
  function*(operands: ReadonlyArray<string>, options: FindOptions): Effect.fn.Return<
    Found<CoreSummary>,
    Failure | Problem,
    CoreSource | Screen
  > {
    const naming = readNaming(operands)
    if (naming._tag === "Names") return yield* findNamed(naming.names, options)
    return { cores: [yield* CoreSource.use((source) => source.get(naming.ref))], incomplete: false }
  }
)

/** All cores that are stored. Crashes without a core are said. */
export const listStored = Effect.fnUntraced(function*(query: CoreQuery) {
  const list = yield* CoreSource.use((source) => source.list(query))
  yield* noteUnreachable(list.unreachable)
  const cores = list.cores.filter(({ state }) => state !== "missing")
  const missing = list.cores.length - cores.length
  if (missing > 0) {
    yield* note(`${plural(missing, "crash", "crashes")} without a stored core: skipped.`)
  }
  return { cores, incomplete: list.unreachable.length > 0 }
})
