/** `koredumpctl list` */
import { type CoreList, type CoreQuery, CoreSource, watchCores } from "@koredump/core"
import { Clock, Effect, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { noteUnreachable } from "../cores/findCores.ts"
import { allNamespacesFlag, filterFlags, flag, newestFlag, queryOf } from "../cores/flags.ts"
import { type ListFormat, listFormats, renderEvents, renderList } from "../cores/renderList.ts"
import { partial, usage } from "../text/CommandError.ts"
import { note, print, Screen } from "../text/Screen.ts"
import { explained } from "./root.ts"

const flags = {
  ...filterFlags,
  newest: newestFlag,
  allNamespaces: allNamespacesFlag,
  output: Flag.Literals("output", listFormats).pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("How to print; without it a table on a terminal, else long"),
    Flag.optional
  ),
  sort: Flag.Literals("sort", ["timestamp", "size"]).pipe(
    Flag.withMetavar("KEY"),
    Flag.withDescription("Order: by time of the crash (as without it) or size"),
    Flag.optional
  ),
  reverse: flag("reverse", "Newest (or largest) first instead of last").pipe(Flag.withAlias("r")),
  limit: Flag.String("limit").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("The newest (with --sort size: the largest) N only, at most 1000"),
    Flag.optional
  ),
  watch: flag("watch", "Go on and show what happens").pipe(Flag.withAlias("w"))
} as const

/** What the options ask for, in the order in which it is shown. */
const fetchList = Effect.fnUntraced(function*(query: CoreQuery, reverse: boolean) {
  const list = yield* CoreSource.use((source) => source.list(query))
  // The last N are asked for backwards.
  return query.order === "desc" && !reverse ? { ...list, cores: list.cores.toReversed() } : list
})

const watchFrom = Effect.fnUntraced(function*(query: CoreQuery, list: CoreList, format: ListFormat) {
  const source = yield* CoreSource
  const render = yield* renderEvents(format, list.cores)
  const { continue: _continue, fields: _fields, limit: _limit, order: _order, sort: _sort, ...filter } = query
  yield* watchCores(source, { since: list.resourceVersion, shown: list.cores, filter }).pipe(
    Stream.filter((event) => event.type !== "BOOKMARK"),
    Stream.runForEach((event) => Effect.flatMap(render(event.type, event.object), print))
  )
})

export const list = Command.make(
  "list",
  flags,
  Effect.fn(function*({ limit, newest, output, reverse, sort, watch, ...filter }) {
    const screen = yield* Screen
    const format = Option.getOrElse(output, (): ListFormat => screen.stdout === undefined ? "long" : "table")
    const last = newest ? "1" : Option.getOrUndefined(limit)
    if (watch && last !== undefined) {
      return yield* usage(
        "Option -w shows all that comes: -1 and --limit do not go with it.",
        "See: koredumpctl list --help"
      )
    }
    const query = yield* queryOf(filter, {
      sort: newest ? undefined : Option.getOrUndefined(sort),
      order: reverse || last !== undefined ? "desc" : undefined,
      limit: last
    })
    const found = yield* fetchList(query, reverse)
    const now = yield* Clock.currentTimeMillis
    if (found.cores.length === 0 && !watch) yield* note("No cores found.")
    yield* print(yield* renderList(format, found.cores, { now, newest, screen, watch }))
    yield* noteUnreachable(found.unreachable)
    if (watch) yield* watchFrom(query, found, format)
    if (found.unreachable.length > 0) return yield* partial
  }, explained)
).pipe(
  Command.withDescription("List cores, the newest last"),
  Command.withExamples([
    { command: "koredumpctl list --since 2h", description: "What crashed in the last two hours" },
    { command: "koredumpctl list -n demo --signal SEGV -o json", description: "As the server has it, for programs" },
    { command: "koredumpctl list -w", description: "Wait for crashes and show them" }
  ])
)
