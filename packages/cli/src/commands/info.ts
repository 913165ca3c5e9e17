import { type CoreMetadata, CoreSource } from "@koredump/core"
import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import type { Connection } from "../connection/Connection.ts"
import { findCores } from "../cores/findCores.ts"
import { allNamespacesFlag, filterFlags, hasFilters, newestFlag, toCoreQuery } from "../cores/flags.ts"
import { formatInfo } from "../cores/formatInfo.ts"
import { partial, usage } from "../text/CommandError.ts"
import { quoteForShell } from "../text/escape.ts"
import { print } from "../text/messages.ts"
import { Screen } from "../text/Screen.ts"
import { formatJson, formatYaml } from "../text/structured.ts"
import { explainProblems } from "../text/toCommandError.ts"
import { root } from "./root.ts"

/** The command that downloads the core from the same source. Undefined if it cannot be copied. */
const formatDownloadCommand = (id: string, { local, root: directory, server }: Connection): string | undefined => {
  const words = [
    ...(local ? ["--local"] : []),
    ...Option.match(directory, { onNone: () => [], onSome: (value) => ["--root", quoteForShell(value)] }),
    ...Option.match(server, { onNone: () => [], onSome: (value) => ["--server", quoteForShell(value)] }),
    quoteForShell(id)
  ]
  return words.includes(undefined) ? undefined : ["koredumpctl get -d", ...words].join(" ")
}

const formats = ["text", "json", "yaml"] as const

const render = Effect.fnUntraced(function*(format: typeof formats[number], metadata: CoreMetadata) {
  switch (format) {
    case "json":
      return formatJson(metadata)
    case "yaml":
      return yield* formatYaml(metadata)
    case "text": {
      const { color, stdout } = yield* Screen
      const connection = yield* root
      return formatInfo(metadata, {
        now: yield* Clock.currentTimeMillis,
        color: color && stdout !== undefined,
        downloadCommand: formatDownloadCommand(metadata.id, connection),
        root: Option.getOrElse(connection.root, () => "").replace(/\/+$/, "")
      })
    }
  }
})

/** `koredumpctl info` */
export const info = Command.make(
  "info",
  {
    core: Argument.String("core").pipe(
      Argument.withDescription("NODE ID, core ID (or its beginning), process ID, program name or path"),
      Argument.atMost(2)
    ),
    ...filterFlags,
    newest: newestFlag,
    allNamespaces: allNamespacesFlag,
    output: Flag.Literals("output", formats).pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FORMAT"),
      Flag.withDescription("Output format; json and yaml contain all fields (default: text)"),
      Flag.withDefault("text")
    )
  },
  Effect.fn(function*({ core, newest, output, ...filter }) {
    if (core.length === 0 && !newest && !hasFilters(filter)) {
      return yield* usage(
        "No core specified.",
        "Specify a core, or use -1 for the newest core. List the cores with: koredumpctl list"
      )
    }
    const query = yield* toCoreQuery(filter)
    const { cores: [ref, another], incomplete } = yield* findCores(core, { newest, stored: false, query })
    if (ref === undefined || another !== undefined) {
      return yield* usage("Exactly one core is required.", "See: koredumpctl info --help")
    }
    yield* print(yield* render(output, yield* CoreSource.use((source) => source.get(ref))))
    if (incomplete) return yield* partial
  }, explainProblems)
).pipe(
  Command.withDescription("Show everything about one core, including the stack trace"),
  Command.withExamples([
    { command: "koredumpctl info -1", description: "The newest core" },
    { command: "koredumpctl info 4242", description: "The core of process 4242" }
  ])
)
