/** `koredumpctl info` */
import { type CoreMetadata, CoreSource } from "@koredump/core"
import { Clock, Effect, Option } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { findCores } from "../cores/findCores.ts"
import { allNamespacesFlag, filterFlags, hasFilter, newestFlag, queryOf } from "../cores/flags.ts"
import { formatInfo } from "../cores/formatInfo.ts"
import { partial, usage } from "../text/CommandError.ts"
import { shellQuoted } from "../text/escape.ts"
import { print, Screen } from "../text/Screen.ts"
import { formatJson, formatYaml } from "../text/structured.ts"
import { type Connection, explained, root } from "./root.ts"

/** The command that fetches a core from the same place. */
const fetchCommand = (id: string, { local, root: directory, server }: Connection) =>
  [
    "koredumpctl get -d",
    ...(local ? ["--local"] : []),
    ...Option.match(directory, { onNone: () => [], onSome: (value) => ["--root", shellQuoted(value)] }),
    ...Option.match(server, { onNone: () => [], onSome: (value) => ["--server", shellQuoted(value)] }),
    shellQuoted(id)
  ].join(" ")

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
        fetchCommand: fetchCommand(metadata.id, connection),
        root: Option.getOrElse(connection.root, () => "").replace(/\/+$/, "")
      })
    }
  }
})

export const info = Command.make(
  "info",
  {
    core: Argument.String("core").pipe(
      Argument.withDescription("NODE ID, an id or its beginning, a process id, a program's name or path"),
      Argument.atMost(2)
    ),
    ...filterFlags,
    newest: newestFlag,
    allNamespaces: allNamespacesFlag,
    output: Flag.Literals("output", formats).pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FORMAT"),
      Flag.withDescription("How to print; without it text. json and yaml have everything that is known"),
      Flag.withDefault("text")
    )
  },
  Effect.fn(function*({ core, newest, output, ...filter }) {
    if (core.length === 0 && !newest && !hasFilter(filter)) {
      return yield* usage("Name a core, or take the newest with -1.", "See what there is with: koredumpctl list")
    }
    const query = yield* queryOf(filter)
    const { cores: [ref, another], incomplete } = yield* findCores(core, { newest, stored: false, query })
    if (ref === undefined || another !== undefined) {
      return yield* usage("Name one core: NODE ID, an id, a process id or a program.", "See: koredumpctl info --help")
    }
    yield* print(yield* render(output, yield* CoreSource.use((source) => source.get(ref))))
    if (incomplete) return yield* partial
  }, explained)
).pipe(
  Command.withDescription("Show everything about a core"),
  Command.withExamples([
    { command: "koredumpctl info -1", description: "The newest core" },
    { command: "koredumpctl info 4242", description: "The core of process 4242" }
  ])
)
