/** `koredumpctl status` */
import { Effect, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { partial } from "../Failure.ts"
import { print, Screen } from "../output/Screen.ts"
import { formatStatus, statusValue } from "../output/status.ts"
import { formatJson, formatYaml } from "../output/structured.ts"
import { chooseServer } from "../Server.ts"
import { gatherStatus } from "../Status.ts"
import { cliVersion } from "../version.ts"
import { root } from "./root.ts"

export const status = Command.make(
  "status",
  {
    output: Flag.Literals("output", ["text", "json", "yaml"]).pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FORMAT"),
      Flag.withDescription("How to print; without it text"),
      Flag.withDefault("text")
    )
  },
  Effect.fn(function*({ output }) {
    const connection = yield* root
    const { color, stdout } = yield* Screen
    const result = yield* Effect.result(gatherStatus)
    const report = {
      server: connection.local ? undefined : (yield* chooseServer(connection)).url,
      version: cliVersion,
      known: Result.merge(result)
    }
    if (output === "json") yield* print(formatJson(statusValue(report)))
    else if (output === "yaml") yield* print(yield* formatYaml(statusValue(report)))
    else yield* print(formatStatus(report, color && stdout !== undefined))
    if (Result.isFailure(result)) return yield* result.failure
    if (result.success.unreachable.length > 0) return yield* partial
  })
).pipe(
  Command.withDescription("Show how things stand: server, nodes, versions, core patterns, and what is wrong"),
  Command.withExamples([{ command: "koredumpctl status", description: "Is all well?" }])
)
