import { Effect, Option, Path } from "effect"
import { Command, Flag } from "effect/cli"
import { booleanFlag } from "../connection/booleanFlag.ts"
import { findCores, listStoredCores } from "../cores/findCores.ts"
import { checkSelection, selectionFlags, toCoreQuery } from "../cores/flags.ts"
import { partial, usage } from "../text/CommandError.ts"
import { printNotice } from "../text/messages.ts"
import { Screen } from "../text/Screen.ts"
import { explainProblems } from "../text/toCommandError.ts"

const flags = {
  ...selectionFlags,
  decompress: booleanFlag("decompress", "Also write the decompressed core (with -o: only the decompressed core)").pipe(
    Flag.withAlias("d")
  ),
  output: Flag.String("output").pipe(
    Flag.withAlias("o"),
    Flag.withMetavar("FILE"),
    Flag.withDescription("Write one core to this file, without metadata (-: stdout)"),
    Flag.optional
  ),
  directory: Flag.String("directory").pipe(
    Flag.withAlias("C"),
    Flag.withMetavar("DIR"),
    Flag.withDescription("Write to this directory (default: the current directory)"),
    Flag.withDefault(".")
  )
} as const

const hint = "See: koredumpctl get --help"

const checkOutput = Effect.fnUntraced(function*(output: Option.Option<string>, all: boolean) {
  const { stdout } = yield* Screen
  if (all && Option.isSome(output)) return yield* usage("Flags -o and -a cannot be combined.", hint)
  if (Option.contains(output, "-") && stdout !== undefined) {
    return yield* usage("Cannot write a core to a terminal.", "Redirect stdout to a file or a pipe.")
  }
})

/** `koredumpctl get` */
export const get = Command.make(
  "get",
  flags,
  Effect.fn(function*({ all, core, decompress, directory, newest, output, ...filter }) {
    yield* checkSelection({ all, core, newest, ...filter }, hint)
    yield* checkOutput(output, all)
    const query = yield* toCoreQuery(filter)
    // Loaded on demand, because it includes the decompressors.
    const { downloadCores, downloadToFile, downloadToStdout } = yield* Effect.promise(() =>
      import("../cores/downloadCores.ts")
    )
    if (all) {
      const stored = yield* listStoredCores(query)
      if (stored.cores.length === 0) return yield* printNotice("No cores to download.")
      return yield* downloadCores(stored.cores, { decompress, directory, incomplete: stored.incomplete })
    }
    const { cores, incomplete } = yield* findCores(core, { newest, stored: true, query })
    const [first, another] = cores
    const path = yield* Path.Path
    if (Option.isNone(output)) return yield* downloadCores(cores, { decompress, directory, incomplete })
    if (first === undefined || another !== undefined) return yield* usage("Flag -o requires exactly one core.", hint)
    yield* output.value === "-"
      ? downloadToStdout(first, decompress)
      : downloadToFile(first, {
        decompress,
        path: path.isAbsolute(output.value) ? output.value : path.join(directory, output.value)
      })
    if (incomplete) return yield* partial
  }, explainProblems)
).pipe(
  Command.withDescription("Download cores and their metadata"),
  Command.withExamples([
    { command: "koredumpctl get -1 -d", description: "The newest core, decompressed for a debugger" },
    {
      command: "koredumpctl get -a -n demo -C cores",
      description: "All cores of a namespace, to the directory cores"
    },
    { command: "koredumpctl get 4242 -d -o - | …", description: "The decompressed core of process 4242, to a pipe" }
  ])
)
