import type { CoreSource } from "@koredump/core"
import { Effect, FileSystem, Layer, Logger, Option, References } from "effect"
import { CliConfig, Command, Flag, GlobalFlag } from "effect/cli"
import { remove } from "./commands/delete.ts"
import { get } from "./commands/get.ts"
import { info } from "./commands/info.ts"
import { list } from "./commands/list.ts"
import { nodes } from "./commands/nodes.ts"
import { root } from "./commands/root.ts"
import { status } from "./commands/status.ts"
import { version } from "./commands/version.ts"
import type { Connection } from "./connection/Connection.ts"
import { readKubeContext } from "./connection/readKubeContext.ts"
import { DefaultNamespace } from "./cores/flags.ts"
import { layerPresenter } from "./layerPresenter.ts"
import { normalizeArgv } from "./normalizeArgv.ts"
import { cliVersion } from "./text/cliVersion.ts"
import { CommandError, failed } from "./text/CommandError.ts"
import { escapeHidden } from "./text/escape.ts"
import { printError } from "./text/messages.ts"

// The built-in flag has the alias -v, which is `--verbose` here.
const versionFlag = GlobalFlag.Action({
  flag: Flag.Boolean("version").pipe(
    Flag.withDescription("Show the version"),
    Flag.withoutNegation,
    Flag.withDefault(false)
  ),
  run: GlobalFlag.Version.run
})

const layerLogging = ({ verbose }: Connection) =>
  Layer.mergeAll(
    Layer.succeed(References.MinimumLogLevel, verbose ? "Debug" : "None"),
    // Log messages can contain names from hosts and servers.
    Logger.layer([Logger.withConsoleError(Logger.map(Logger.formatLogFmt, escapeHidden))])
  )

/** The namespace of the kubeconfig's context, which kubectl plugins use by default. */
const layerKubectlNamespace = (connection: Connection) =>
  Layer.effect(
    DefaultNamespace,
    Effect.map(FileSystem.FileSystem, (fs) =>
      connection.local ? Effect.undefined : readKubeContext(connection).pipe(
        Effect.map(Option.match({ onNone: () => undefined, onSome: ({ namespace }) => namespace ?? "default" })),
        Effect.mapError(({ message }) =>
          failed(message, "Select a namespace with -n NAMESPACE, or all namespaces with -A.")
        ),
        Effect.provideService(FileSystem.FileSystem, fs)
      ))
  )

/** How the program was started. */
export interface RunOptions {
  /** As a kubectl plugin (`kubectl koredump`). Default: false */
  readonly kubectl?: boolean
}

/** Returns a function that runs a command line. It prints all errors; the exit code depends on the error. */
export const makeRun = <R>(
  layerSource: (connection: Connection) => Layer.Layer<CoreSource, CommandError, R>,
  { kubectl = false }: RunOptions = {}
) => {
  const source = Layer.unwrap(Effect.map(root, layerSource))
  const command = root.pipe(
    Command.withSubcommands([
      list.pipe(Command.provide(source)),
      info.pipe(Command.provide(source)),
      get.pipe(Command.provide(source)),
      remove.pipe(Command.provide(source)),
      nodes.pipe(Command.provide(source)),
      status.pipe(Command.provide(source)),
      version
    ]),
    Command.provide(layerLogging),
    Command.provide((connection) => kubectl ? layerKubectlNamespace(connection) : Layer.empty)
  )
  const parseAndRun = Command.runWith(command, { version: cliVersion })
  return (argv: ReadonlyArray<string>) =>
    parseAndRun(normalizeArgv(argv)).pipe(
      Effect.tapError((error) =>
        error instanceof CommandError && error.message !== "" ? printError(error.message, error.hint) : Effect.void
      ),
      Effect.tapDefect((defect) =>
        printError(
          `Internal error: ${escapeHidden(String(defect))}`,
          "This is a bug in koredumpctl. Please report it, with the output of the same command with -v."
        )
      ),
      Effect.provide([
        layerPresenter,
        CliConfig.layer({ builtIns: [GlobalFlag.Help, versionFlag] })
      ])
    )
}
