/** `koredumpctl status` */
import { Effect, Option, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { chooseServer } from "../connection/chooseServer.ts"
import { ServerVersion } from "../connection/ServerVersion.ts"
import { formatStatus, statusValue } from "../status/formatStatus.ts"
import { prepareKubernetes } from "../status/queryKubernetes.ts"
import { gatherStatus } from "../status/queryServerStatus.ts"
import { cliVersion } from "../text/cliVersion.ts"
import { partial } from "../text/CommandError.ts"
import { print, Screen } from "../text/Screen.ts"
import { formatJson, formatYaml } from "../text/structured.ts"
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
    const server = connection.local ? undefined : (yield* chooseServer(connection)).url
    const [result, kubernetes] = yield* Effect.all([
      Effect.result(gatherStatus),
      Effect.transposeOption(yield* prepareKubernetes(connection))
    ], { concurrency: 2 })
    const report = {
      server,
      serverVersion: (yield* ServerVersion).said,
      version: cliVersion,
      known: Result.merge(result),
      kubernetes: Option.getOrUndefined(kubernetes)
    }
    if (output === "json") yield* print(formatJson(statusValue(report)))
    else if (output === "yaml") yield* print(yield* formatYaml(statusValue(report)))
    else yield* print(formatStatus(report, color && stdout !== undefined))
    if (Result.isFailure(result)) return yield* result.failure
    if (result.success.unreachable.length > 0) return yield* partial
  }, Effect.scoped)
).pipe(
  Command.withDescription("Show how things stand: server, pods, nodes, versions, core patterns, and what is wrong"),
  Command.withExamples([{ command: "koredumpctl status", description: "Is all well?" }])
)
