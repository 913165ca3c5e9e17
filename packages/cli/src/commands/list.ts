import { type CoreList, type CoreQuery, CoreSource, watchCores } from "@koredump/core"
import { Clock, Effect, Option, Stream } from "effect"
import { Command, Flag } from "effect/cli"
import { booleanFlag } from "../connection/booleanFlag.ts"
import { printUnreachable } from "../cores/findCores.ts"
import { allNamespacesFlag, filterFlags, newestFlag, toCoreQuery } from "../cores/flags.ts"
import { type ListFormat, listFormats, renderEvents, renderList } from "../cores/renderList.ts"
import { partial, usage } from "../text/CommandError.ts"
import { print, printNotice } from "../text/messages.ts"
import { Screen } from "../text/Screen.ts"
import { explainProblems } from "../text/toCommandError.ts"

const flags = {
  ...filterFlags,
  newest: newestFlag,
  allNamespaces: allNamespacesFlag,
  output: Flag.Literals("output", listFormats).pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FORMAT"),
    Flag.withDescription("Output format (default: table on a terminal, otherwise long)"),
    Flag.optional
  ),
  sort: Flag.Literals("sort", ["timestamp", "size"]).pipe(
    Flag.withMetavar("KEY"),
    Flag.withDescription("Sort by crash time or size (default: timestamp)"),
    Flag.optional
  ),
  reverse: booleanFlag("reverse", "Reverse the order: newest or largest first").pipe(Flag.withAlias("r")),
  limit: Flag.String("limit").pipe(
    Flag.withMetavar("N"),
    Flag.withDescription("Show only the newest N cores, or with --sort size the largest (1 to 1000)"),
    Flag.optional
  ),
  watch: booleanFlag("watch", "Keep running and show changes").pipe(Flag.withAlias("w"))
} as const

/** Requests the list, in the order in which it is shown. */
const fetchList = Effect.fnUntraced(function*(query: CoreQuery, reverse: boolean) {
  const list = yield* CoreSource.use((source) => source.list(query))
  // The last N cores are requested in descending order.
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

/** `koredumpctl list` */
export const list = Command.make(
  "list",
  flags,
  Effect.fn(function*({ limit, newest, output, reverse, sort, watch, ...filter }) {
    const screen = yield* Screen
    const format = Option.getOrElse(output, (): ListFormat => screen.stdout === undefined ? "long" : "table")
    const last = newest ? "1" : Option.getOrUndefined(limit)
    if (watch && last !== undefined) {
      return yield* usage(
        "Flag -w cannot be combined with -1 or --limit.",
        "See: koredumpctl list --help"
      )
    }
    const query = yield* toCoreQuery(filter, {
      sort: newest ? undefined : Option.getOrUndefined(sort),
      order: reverse || last !== undefined ? "desc" : undefined,
      limit: last
    })
    const found = yield* fetchList(query, reverse)
    const now = yield* Clock.currentTimeMillis
    if (found.cores.length === 0 && !watch) yield* printNotice("No cores found.")
    yield* print(yield* renderList(format, found.cores, { now, newest, screen, watch }))
    yield* printUnreachable(found.unreachable)
    if (watch) yield* watchFrom(query, found, format)
    if (found.unreachable.length > 0) return yield* partial
  }, explainProblems)
).pipe(
  Command.withDescription("List crashes and their cores, newest last"),
  Command.withExamples([
    { command: "koredumpctl list --since 2h", description: "Crashes of the last two hours" },
    { command: "koredumpctl list -n demo --signal SEGV -o json", description: "JSON for scripts" },
    { command: "koredumpctl list -w", description: "Show new crashes as they happen" }
  ])
)
