/** `koredumpctl get` */
import { Effect, Option, Path } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { findCores, listStored } from "../Candidates.ts"
import { usage } from "../Failure.ts"
import { allNamespacesFlag, filterFlags, flag, hasFilter, newestFlag, queryOf } from "../flags.ts"
import { note, Screen } from "../output/Screen.ts"
import { explained } from "./root.ts"

const flags = {
  core: Argument.String("core").pipe(
    Argument.withDescription(
      "NODE ID, or one or more of: an id or its beginning, a process id, a program's name or path"
    ),
    Argument.atLeast(0)
  ),
  ...filterFlags,
  newest: newestFlag,
  all: flag("all", "All cores that the options leave").pipe(Flag.withAlias("a")),
  decompress: flag("decompress", "Write the decompressed core as well (with -o: instead)").pipe(Flag.withAlias("d")),
  allNamespaces: allNamespacesFlag,
  output: Flag.String("output").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write one core to this file, without metadata; - is stdout"),
    Flag.optional
  ),
  directory: Flag.String("directory").pipe(
    Flag.withAlias("C"),
    Flag.withMetavar("DIR"),
    Flag.withDescription("Write into this directory instead of the current one"),
    Flag.withDefault(".")
  )
} as const

const see = "See: koredumpctl get --help"

const checkUsage = Effect.fnUntraced(
  function*({ all, core, filtered, newest, output }: {
    readonly all: boolean
    readonly core: ReadonlyArray<string>
    readonly filtered: boolean
    readonly newest: boolean
    readonly output: Option.Option<string>
  }) {
    const { stdout } = yield* Screen
    if (all && newest) return yield* usage("Options -1 and -a exclude each other.", see)
    if (all && core.length > 0) return yield* usage("Option -a takes all cores: name none beside it.", see)
    if (all && Option.isSome(output)) return yield* usage("Option -o is for one core, -a for all.", see)
    if (!all && !newest && !filtered && core.length === 0) {
      return yield* usage("Name a core, or take the newest with -1, or all with -a.", see)
    }
    if (Option.contains(output, "-") && stdout !== undefined) {
      return yield* usage("A core is nothing for a terminal to show.", "Send it to a file or a pipe.")
    }
  }
)

export const get = Command.make(
  "get",
  flags,
  Effect.fn(function*({ all, core, decompress, directory, newest, output, ...filter }) {
    yield* checkUsage({ all, core, newest, output, filtered: hasFilter(filter) })
    const query = yield* queryOf(filter)
    // With the decompressors, which other verbs need not load.
    const { fetchAll, fetchOne, fetchToStdout } = yield* Effect.promise(() => import("../Fetch.ts"))
    if (all) {
      const stored = yield* listStored(query)
      if (stored.cores.length === 0) return yield* note("No cores to fetch.")
      return yield* fetchAll(stored.cores, { decompress, directory, incomplete: stored.incomplete })
    }
    const cores = yield* findCores(core, { newest, stored: true, query })
    const [first, another] = cores
    const path = yield* Path.Path
    if (Option.isNone(output)) return yield* fetchAll(cores, { decompress, directory, incomplete: false })
    if (first === undefined || another !== undefined) return yield* usage("Option -o is for one core.", see)
    return yield* output.value === "-"
      ? fetchToStdout(first, decompress)
      : fetchOne(first, {
        decompress,
        path: path.isAbsolute(output.value) ? output.value : path.join(directory, output.value)
      })
  }, explained)
).pipe(
  Command.withDescription("Fetch cores, each with its metadata"),
  Command.withExamples([
    { command: "koredumpctl get -1 -d", description: "The newest core, ready for a debugger" },
    {
      command: "koredumpctl get -a -n demo -C cores",
      description: "All cores of a namespace, into the directory cores"
    },
    { command: "koredumpctl get 4242 -d -o - | …", description: "The core of process 4242, decompressed, to a pipe" }
  ])
)
