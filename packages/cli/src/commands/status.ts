import { Effect, Option, Result } from "effect"
import { Command, Flag } from "effect/cli"
import { chooseServer } from "../connection/chooseServer.ts"
import { ServerVersion } from "../connection/ServerVersion.ts"
import { formatStatus, toStatusValue } from "../status/formatStatus.ts"
import { prepareKubernetesQuery } from "../status/queryKubernetes.ts"
import { queryServerStatus } from "../status/queryServerStatus.ts"
import { cliVersion } from "../text/cliVersion.ts"
import { partial } from "../text/CommandError.ts"
import { print } from "../text/messages.ts"
import { Screen } from "../text/Screen.ts"
import { formatJson, formatYaml } from "../text/structured.ts"
import { root } from "./root.ts"

/** `koredumpctl status` */
export const status = Command.make(
  "status",
  {
    output: Flag.Literals("output", ["text", "json", "yaml"]).pipe(
      Flag.withAlias("o"),
      Flag.withMetavar("FORMAT"),
      Flag.withDescription("Output format (default: text)"),
      Flag.withDefault("text")
    )
  },
  Effect.fn(function*({ output }) {
    const connection = yield* root
    const { color, stdout } = yield* Screen
    const server = connection.local ? undefined : (yield* chooseServer(connection)).url
    const [result, kubernetes] = yield* Effect.all([
      Effect.result(queryServerStatus),
      Effect.transposeOption(yield* prepareKubernetesQuery(connection))
    ], { concurrency: 2 })
    const report = {
      server,
      serverVersion: (yield* ServerVersion).reported,
      version: cliVersion,
      status: Result.merge(result),
      kubernetes: Option.getOrUndefined(kubernetes)
    }
    if (output === "json") yield* print(formatJson(toStatusValue(report)))
    else if (output === "yaml") yield* print(yield* formatYaml(toStatusValue(report)))
    else yield* print(formatStatus(report, color && stdout !== undefined))
    if (Result.isFailure(result)) return yield* result.failure
    if (result.success.unreachable.length > 0) return yield* partial
  }, Effect.scoped)
).pipe(
  Command.withDescription("Check server, pods, nodes, versions and core patterns"),
  Command.withExamples([{ command: "koredumpctl status", description: "Find problems of the cluster" }])
)
