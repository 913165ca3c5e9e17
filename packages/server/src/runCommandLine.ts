/** The command line of koredump-server. Importing this file runs it. */
import { NodeRuntime, NodeServices } from "@effect/platform-node"
import { Effect } from "effect"
import { CliConfig, CliOutput, Command, GlobalFlag } from "effect/cli"
import { cluster } from "./commands/cluster.ts"
import { reportFailure, toExitCode } from "./commands/exitCode.ts"
import { local } from "./commands/local.ts"
import { node } from "./commands/node.ts"
import { usagePresenter } from "./commands/usagePresenter.ts"
import { serverVersion } from "./settings/version.ts"

// The first signal lets running downloads finish. A second signal stops the server immediately.
let signals = 0
for (const [name, number] of [["SIGINT", 2], ["SIGTERM", 15]] as const) {
  process.on(name, () => {
    signals += 1
    if (signals > 1) process.exit(128 + number)
  })
}

// The reader of the log can end before the server (a pipe, a restarted journald). Downloads continue.
process.stdout.on("error", () => {})

Command.make("koredump-server").pipe(
  Command.withDescription("Serve the core dumps of a host or a Kubernetes cluster over the koredump REST API"),
  Command.withSubcommands([local, node, cluster]),
  Command.run({ version: serverVersion }),
  reportFailure,
  Effect.provide([
    NodeServices.layer,
    CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
    CliOutput.layerPresenter(usagePresenter)
  ]),
  NodeRuntime.runMain({ disableErrorReporting: true, teardown: (exit, onExit) => onExit(toExitCode(exit)) })
)
