/** The program: settings in, a server until it is told to end. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { CliConfig, Command, GlobalFlag } from "effect/cli"
import { cluster } from "./commands/cluster.ts"
import { local } from "./commands/local.ts"
import { node } from "./commands/node.ts"
import { exitCodeOf, sayWhy } from "./exit.ts"
import { serverVersion } from "./version.ts"

// The first signal lets running downloads finish; whoever sends a second one does not want to wait.
let signals = 0
for (const [name, number] of [["SIGINT", 2], ["SIGTERM", 15]] as const) {
  process.on(name, () => {
    signals += 1
    if (signals > 1) process.exit(128 + number)
  })
}

// Whoever reads the log may go (a pipe, a restarted journal); downloads go on.
process.stdout.on("error", () => {})

Command.make("koredump-server").pipe(
  Command.withDescription("The koredump REST API over the core dumps of a host or a cluster"),
  Command.withSubcommands([local, node, cluster]),
  Command.run({ version: serverVersion }),
  sayWhy,
  Effect.provide([NodeServices.layer, CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] })]),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown: (exit, onExit) => onExit(exitCodeOf(exit)) })
)
