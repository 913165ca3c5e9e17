/** Finding the core that a verb is about. */
import { type CoreQuery, CoreSource, type CoreSummary, refKey } from "@koredump/core"
import { Clock, Console, Effect } from "effect"
import { exitCodes, Failure, notFound } from "./Failure.ts"
import type { Wanted } from "./Fetch.ts"
import { note, Screen } from "./output/Screen.ts"
import { formatTable } from "./output/table.ts"
import { plural, visible } from "./output/text.ts"
import { choose, matching, readNaming } from "./resolve.ts"

/** How cores are looked for. */
export interface FindOptions {
  readonly newest: boolean
  /** A stored core is wanted: crashes without one stand back. */
  readonly stored: boolean
  readonly query: CoreQuery
}

const maxShown = 10

/** The newest candidates, as `list` shows them: by their process ids one can be named. */
const showCandidates = Effect.fnUntraced(function*(candidates: ReadonlyArray<CoreSummary>) {
  const { color, stderr } = yield* Screen
  const now = yield* Clock.currentTimeMillis
  const older = candidates.length - maxShown
  yield* Console.error([
    formatTable(candidates.slice(-maxShown), {
      wide: false,
      width: stderr?.columns,
      color: color && stderr !== undefined,
      now
    }),
    ...(older > 0 ? [`(and ${older} older)`] : [])
  ].join("\n"))
})

/** Says that what is shown may not be all. */
export const noteUnreachable = (unreachable: ReadonlyArray<string>) =>
  unreachable.length === 0 ? Effect.void : note(
    `${plural(unreachable.length, "node")} could not be reached, cores may be missing: ` +
      unreachable.map(visible).join(", ")
  )

const findOne = Effect.fnUntraced(function*(name: string | undefined, options: FindOptions) {
  const source = yield* CoreSource
  // Whatever fits a name has it somewhere in its summary: the server need not send all others.
  const list = yield* source.list(name === undefined ? options.query : { q: name, ...options.query })
  const choice = choose(name === undefined ? list.cores : matching(name, list.cores), options)
  if (choice._tag === "One") return choice.core
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

/** The cores that the operands name; without operands the one that the filters leave. */
export const findCores = Effect.fnUntraced(function*(operands: ReadonlyArray<string>, options: FindOptions) {
  const naming = readNaming(operands)
  if (naming._tag === "Ref") return [naming.ref as Wanted]
  const names: ReadonlyArray<string | undefined> = naming.names.length === 0 ? [undefined] : naming.names
  const found = new Map<string, Wanted>()
  for (const name of names) {
    const core = yield* findOne(name, options)
    found.set(refKey(core), core)
  }
  return [...found.values()]
})

/** All cores that can be fetched. What cannot be is said. */
export const listStored = Effect.fnUntraced(function*(query: CoreQuery) {
  const list = yield* CoreSource.use((source) => source.list(query))
  yield* noteUnreachable(list.unreachable)
  const cores: ReadonlyArray<Wanted> = list.cores.filter(({ state }) => state !== "missing")
  const missing = list.cores.length - cores.length
  if (missing > 0) {
    yield* note(`${plural(missing, "crash", "crashes")} without a stored core: skipped.`)
  }
  return { cores, incomplete: list.unreachable.length > 0 }
})
