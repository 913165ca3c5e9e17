/** koredumpctl, put together: verbs, source, output. */
import type { CoreSource } from "@koredump/core"
import { Effect, FileSystem, Layer, Logger, Option, References } from "effect"
import { CliConfig, Command, Flag, GlobalFlag } from "effect/cli"
import { remove } from "./commands/delete.ts"
import { get } from "./commands/get.ts"
import { info } from "./commands/info.ts"
import { list } from "./commands/list.ts"
import { nodes } from "./commands/nodes.ts"
import { type Connection, root } from "./commands/root.ts"
import { status } from "./commands/status.ts"
import { version } from "./commands/version.ts"
import { readKubeContext } from "./connection/readKubeContext.ts"
import { DefaultNamespace } from "./cores/flags.ts"
import { normalizeArgv } from "./normalizeArgv.ts"
import { cliVersion } from "./text/cliVersion.ts"
import { exitCodes, Failure } from "./text/CommandError.ts"
import { complain, layerPresenter } from "./text/Screen.ts"

// The built-in one has the alias -v, which is `--verbose` here.
const versionFlag = GlobalFlag.Action({
  flag: Flag.Boolean("version").pipe(
    Flag.withDescription("Show the version"),
    Flag.withoutNegation,
    Flag.withDefault(false)
  ),
  run: GlobalFlag.Version.run
})

const verbosity = ({ verbose }: Connection) =>
  Layer.mergeAll(
    Layer.succeed(References.MinimumLogLevel, verbose ? "Debug" : "None"),
    Layer.succeed(Logger.LogToStderr, true)
  )

/** As a plugin of kubectl the kubeconfig says which namespace is meant. */
const layerKubectlNamespace = (connection: Connection) =>
  Layer.effect(
    DefaultNamespace,
    Effect.map(FileSystem.FileSystem, (fs) =>
      connection.local ? Effect.undefined : readKubeContext(connection).pipe(
        Effect.map(Option.match({ onNone: () => undefined, onSome: ({ namespace }) => namespace ?? "default" })),
        Effect.mapError(({ message }) => new Failure({ exitCode: exitCodes.failed, message, hint: "Say -n or -A." })),
        Effect.provideService(FileSystem.FileSystem, fs)
      ))
  )

/** How the program was called. */
export interface RunOptions {
  /** As `kubectl koredump`. */
  readonly kubectl?: boolean
}

/** Runs a command line over the sources that `layerSource` makes of the options. All that fails has been said. */
export const makeRun = <R>(
  layerSource: (connection: Connection) => Layer.Layer<CoreSource, Failure, R>,
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
    Command.provide(verbosity),
    Command.provide((connection) => kubectl ? layerKubectlNamespace(connection) : Layer.empty)
  )
  const parseAndRun = Command.runWith(command, { version: cliVersion })
  return (argv: ReadonlyArray<string>) =>
    parseAndRun(normalizeArgv(argv)).pipe(
      Effect.tapError((error) =>
        error instanceof Failure && error.message !== "" ? complain(error.message, error.hint) : Effect.void
      ),
      Effect.tapDefect((defect) =>
        complain(`Unexpected: ${String(defect)}`, "This is a defect of koredumpctl: please report it, with -v.")
      ),
      Effect.provide([
        layerPresenter,
        CliConfig.layer({ builtIns: [GlobalFlag.Help, versionFlag] })
      ])
    )
}
