import { CoreSource, type Forbidden, type NodeStatus } from "@koredump/core"
import { Clock, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { formatNodesTable } from "../status/nodesTable.ts"
import { type CommandError, notAllowed, partial } from "../text/CommandError.ts"
import { escapeHidden } from "../text/escape.ts"
import { print, printNotice } from "../text/messages.ts"
import { Screen } from "../text/Screen.ts"
import { formatJson, formatNdjson, formatYaml } from "../text/structured.ts"
import { explainProblems, toCommandError } from "../text/toCommandError.ts"

const formats = ["table", "wide", "json", "ndjson", "yaml", "name"] as const

const render = Effect.fnUntraced(function*(format: typeof formats[number], nodes: ReadonlyArray<NodeStatus>) {
  const { color, stdout } = yield* Screen
  switch (format) {
    case "table":
    case "wide":
      return nodes.length === 0 ? "" : formatNodesTable(nodes, {
        wide: format === "wide",
        width: stdout?.columns,
        now: yield* Clock.currentTimeMillis,
        color: color && stdout !== undefined
      })
    case "json":
      return formatJson(nodes)
    case "ndjson":
      return formatNdjson(nodes)
    case "yaml":
      return yield* formatYaml(nodes)
    case "name":
      return nodes.map(({ name }) => escapeHidden(name)).join("\n")
  }
})

/** The error of a caller who lacks the permission to list nodes. */
const toNodesForbidden = (problem: Forbidden): CommandError =>
  notAllowed(
    toCommandError(problem).message,
    "To list nodes, you need the permission \"list\" on nodecoredumps (API group koredump.dev)."
  )

/** `koredumpctl nodes` */
export const nodes = Command.make(
  "nodes",
  {
    output: Flag.Literals("output", formats).pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FORMAT"),
      Flag.withDescription("Output format (default: table)"),
      Flag.withDefault("table")
    )
  },
  Effect.fn(function*({ output }) {
    const found = yield* CoreSource.use((source) => source.nodes).pipe(
      Effect.catchTag("Forbidden", (problem) => Effect.fail(toNodesForbidden(problem)))
    )
    if (found.length === 0) yield* printNotice("No nodes found.")
    yield* print(yield* render(output, found))
    if (found.some(({ state }) => state === "unreachable")) return yield* partial
  }, explainProblems)
).pipe(
  Command.withDescription("List the nodes and their state"),
  Command.withExamples([
    { command: "koredumpctl nodes", description: "The state of each node" },
    { command: "koredumpctl nodes -o wide", description: "Also addresses and core patterns" }
  ])
)
