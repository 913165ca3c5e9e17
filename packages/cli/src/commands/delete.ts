/** `koredumpctl delete` */
import { CoreNotStored, CoreSource, type CoreSummary } from "@koredump/core"
import { Effect, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { findSummaries, listStored, showCores } from "../cores/findCores.ts"
import { checkSelection, flag, queryOf, selectionFlags } from "../cores/flags.ts"
import { batchFailure, exitCodes, Failure, fromProblem, partial, usage } from "../text/CommandError.ts"
import { plural, visible } from "../text/escape.ts"
import { complain, note, print, Screen } from "../text/Screen.ts"
import { explained } from "./root.ts"

const parallel = 4

/** Asks whether these are to go; without a terminal a yes must have been given. */
const confirm = Effect.fnUntraced(function*(cores: ReadonlyArray<CoreSummary>) {
  const { confirm } = yield* Screen
  yield* showCores(cores)
  return confirm === undefined ? false : yield* confirm(`Delete ${plural(cores.length, "core")}?`)
})

const deleteOne = Effect.fnUntraced(function*({ id, node }: CoreSummary) {
  yield* CoreSource.use((source) => source.remove({ node, id })).pipe(Effect.mapError(fromProblem))
  yield* print(`${visible(id)}  deleted`)
})

/** Deletes these, and no others. */
const deleteAll = Effect.fnUntraced(function*(cores: ReadonlyArray<CoreSummary>, incomplete: boolean) {
  const [only, another] = cores
  if (only !== undefined && another === undefined && !incomplete) return yield* deleteOne(only)
  const results = yield* Effect.forEach(cores, (core) =>
    deleteOne(core).pipe(
      Effect.tapError(({ hint, message }) => complain(`${visible(core.id)}: ${message}`, hint)),
      Effect.result
    ), { concurrency: parallel })
  const failures = results.filter(Result.isFailure).map(({ failure }) => failure)
  if (failures.length > 0) return yield* batchFailure(failures, cores.length)
  if (incomplete) return yield* partial
})

export const remove = Command.make(
  "delete",
  {
    ...selectionFlags,
    yes: flag("yes", "Do not ask").pipe(Flag.withAlias("y"))
  },
  Effect.fn(function*({ all, core, newest, yes, ...filter }) {
    yield* checkSelection({ all, core, newest, ...filter }, "See: koredumpctl delete --help")
    const screen = yield* Screen
    if (!yes && screen.confirm === undefined) {
      return yield* usage("There is no terminal to ask on.", "Say --yes to delete without being asked.")
    }
    const query = yield* queryOf(filter)
    const { cores, incomplete } = all
      ? yield* listStored(query)
      : yield* findSummaries(core, { newest, stored: true, query })
    if (cores.length === 0) {
      yield* note("No cores to delete.")
      return yield* incomplete ? partial : Effect.void
    }
    const gone = cores.find(({ state }) => state === "missing")
    if (gone !== undefined) {
      const { id, node, reason } = gone
      return yield* new CoreNotStored({ id, node, ...(reason === undefined ? {} : { detail: reason }) })
    }
    if (yes && incomplete && !all) {
      return yield* new Failure({
        exitCode: exitCodes.partial,
        message: "Nothing was deleted: it may not be the core that you mean.",
        hint: "Name it by its id, or leave --yes out to be shown what would go."
      })
    }
    if (!yes && !(yield* confirm(cores))) {
      return yield* new Failure({ exitCode: exitCodes.failed, message: "Nothing was deleted." })
    }
    yield* deleteAll(cores, incomplete)
  }, explained)
).pipe(
  Command.withDescription("Delete stored cores, after asking; what is known of the crashes stays"),
  Command.withExamples([
    { command: "koredumpctl delete 4242", description: "The core of process 4242" },
    {
      command: "koredumpctl delete -a -n demo --until 30d",
      description: "A namespace's cores of more than 30 days ago"
    }
  ])
)
