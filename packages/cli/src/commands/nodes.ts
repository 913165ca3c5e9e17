/** `koredumpctl nodes` */
import { CoreSource, type NodeStatus } from "@koredump/core"
import { Clock, Effect } from "effect"
import { Command, Flag } from "effect/cli"
import { formatNodes } from "../status/nodesTable.ts"
import { partial } from "../text/CommandError.ts"
import { visible } from "../text/escape.ts"
import { note, print, Screen } from "../text/Screen.ts"
import { formatJson, formatNdjson, formatYaml } from "../text/structured.ts"
import { explained, nodesForbidden } from "./root.ts"

const formats = ["table", "wide", "json", "ndjson", "yaml", "name"] as const

const render = Effect.fnUntraced(function*(format: typeof formats[number], nodes: ReadonlyArray<NodeStatus>) {
  const { color, stdout } = yield* Screen
  switch (format) {
    case "table":
    case "wide":
      return nodes.length === 0 ? "" : formatNodes(nodes, {
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
      return nodes.map(({ name }) => visible(name)).join("\n")
  }
})

export const nodes = Command.make(
  "nodes",
  {
    output: Flag.Literals("output", formats).pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FORMAT"),
      Flag.withDescription("How to print; without it a table"),
      Flag.withDefault("table")
    )
  },
  Effect.fn(function*({ output }) {
    const found = yield* CoreSource.use((source) => source.nodes).pipe(
      Effect.catchTag("Forbidden", (problem) => Effect.fail(nodesForbidden(problem)))
    )
    if (found.length === 0) yield* note("No nodes found.")
    yield* print(yield* render(output, found))
    if (found.some(({ state }) => state === "unreachable")) return yield* partial
  }, explained)
).pipe(
  Command.withDescription("List the nodes whose cores there are"),
  Command.withExamples([
    { command: "koredumpctl nodes", description: "How things stand with each node" },
    { command: "koredumpctl nodes -o wide", description: "Addresses and core patterns as well" }
  ])
)
