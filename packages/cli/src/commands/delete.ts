import { CoreNotStored, CoreSource, type CoreSummary } from "@koredump/core"
import { Effect, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { booleanFlag } from "../connection/booleanFlag.ts"
import { findSummaries, listStoredCores, printCores } from "../cores/findCores.ts"
import { checkSelection, selectionFlags, toCoreQuery } from "../cores/flags.ts"
import { CommandError, exitCodes, failed, partial, toBatchError, usage } from "../text/CommandError.ts"
import { escapeHidden } from "../text/escape.ts"
import { print, printError, printNotice } from "../text/messages.ts"
import { Screen } from "../text/Screen.ts"
import { formatCount } from "../text/sentence.ts"
import { explainProblems, toCommandError } from "../text/toCommandError.ts"

const maxParallel = 4

/** Shows the cores and asks for confirmation. */
const confirmDeletion = Effect.fnUntraced(function*(cores: ReadonlyArray<CoreSummary>) {
  const { confirm } = yield* Screen
  yield* printCores(cores)
  return confirm === undefined ? false : yield* confirm(`Delete ${formatCount(cores.length, "core")}?`)
})

const deleteOne = Effect.fnUntraced(function*({ id, node }: CoreSummary) {
  yield* CoreSource.use((source) => source.remove({ node, id })).pipe(Effect.mapError(toCommandError))
  yield* print(`${escapeHidden(id)}  deleted`)
})

const deleteAll = Effect.fnUntraced(function*(cores: ReadonlyArray<CoreSummary>, incomplete: boolean) {
  const [only, another] = cores
  if (only !== undefined && another === undefined && !incomplete) return yield* deleteOne(only)
  const results = yield* Effect.forEach(cores, (core) =>
    deleteOne(core).pipe(
      Effect.tapError(({ hint, message }) => printError(`${escapeHidden(core.id)}: ${message}`, hint)),
      Effect.result
    ), { concurrency: maxParallel })
  const errors = results.filter(Result.isFailure).map(({ failure }) => failure)
  if (errors.length > 0) return yield* toBatchError(errors, cores.length)
  if (incomplete) return yield* partial
})

/** `koredumpctl delete` */
export const remove = Command.make(
  "delete",
  {
    ...selectionFlags,
    yes: booleanFlag("yes", "Delete without confirmation").pipe(Flag.withAlias("y"))
  },
  Effect.fn(function*({ all, core, newest, yes, ...filter }) {
    yield* checkSelection({ all, core, newest, ...filter }, "See: koredumpctl delete --help")
    const screen = yield* Screen
    if (!yes && screen.confirm === undefined) {
      return yield* usage(
        "Cannot ask for confirmation without a terminal.",
        "Use --yes to delete without confirmation."
      )
    }
    const query = yield* toCoreQuery(filter)
    const { cores, incomplete } = all
      ? yield* listStoredCores(query)
      : yield* findSummaries(core, { newest, stored: true, query })
    if (cores.length === 0) {
      yield* printNotice("No cores to delete.")
      return yield* incomplete ? partial : Effect.void
    }
    const missing = cores.find(({ state }) => state === "missing")
    if (missing !== undefined) {
      const { id, node, reason } = missing
      return yield* new CoreNotStored({ id, node, ...(reason === undefined ? {} : { detail: reason }) })
    }
    if (yes && incomplete && !all) {
      return yield* new CommandError({
        exitCode: exitCodes.partial,
        message: "Nothing was deleted: another core on an unreachable node may match.",
        hint: "Specify the core ID, or omit --yes to preview what would be deleted."
      })
    }
    if (!yes && !(yield* confirmDeletion(cores))) {
      return yield* failed("Nothing was deleted.")
    }
    yield* deleteAll(cores, incomplete)
  }, explainProblems)
).pipe(
  Command.withDescription("Delete stored cores, after confirmation (crashes stay in the list)"),
  Command.withExamples([
    { command: "koredumpctl delete 4242", description: "The core of process 4242" },
    {
      command: "koredumpctl delete -a -n demo --until 30d",
      description: "All cores of a namespace that are older than 30 days"
    }
  ])
)
