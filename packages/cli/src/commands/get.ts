/** `koredumpctl get` */
import { Effect, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { findCores, listStored } from "../cores/findCores.ts"
import { checkSelection, flag, queryOf, selectionFlags } from "../cores/flags.ts"
import { partial, usage } from "../text/CommandError.ts"
import { note, Screen } from "../text/Screen.ts"
import { explained } from "./root.ts"

const flags = {
  ...selectionFlags,
  decompress: flag("decompress", "Write the decompressed core as well (with -o: instead)").pipe(Flag.withAlias("d")),
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

const checkOutput = Effect.fnUntraced(function*(output: Option.Option<string>, all: boolean) {
  const { stdout } = yield* Screen
  if (all && Option.isSome(output)) return yield* usage("Option -o is for one core, -a for all.", see)
  if (Option.contains(output, "-") && stdout !== undefined) {
    return yield* usage("A core is nothing for a terminal to show.", "Send it to a file or a pipe.")
  }
})

export const get = Command.make(
  "get",
  flags,
  Effect.fn(function*({ all, core, decompress, directory, newest, output, ...filter }) {
    yield* checkSelection({ all, core, newest, ...filter }, see)
    yield* checkOutput(output, all)
    const query = yield* queryOf(filter)
    // With the decompressors, which other verbs need not load.
    const { fetchAll, fetchOne, fetchToStdout } = yield* Effect.promise(() => import("../cores/downloadCores.ts"))
    if (all) {
      const stored = yield* listStored(query)
      if (stored.cores.length === 0) return yield* note("No cores to fetch.")
      return yield* fetchAll(stored.cores, { decompress, directory, incomplete: stored.incomplete })
    }
    const { cores, incomplete } = yield* findCores(core, { newest, stored: true, query })
    const [first, another] = cores
    const path = yield* Path.Path
    if (Option.isNone(output)) return yield* fetchAll(cores, { decompress, directory, incomplete })
    if (first === undefined || another !== undefined) return yield* usage("Option -o is for one core.", see)
    yield* output.value === "-"
      ? fetchToStdout(first, decompress)
      : fetchOne(first, {
        decompress,
        path: path.isAbsolute(output.value) ? output.value : path.join(directory, output.value)
      })
    if (incomplete) return yield* partial
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
