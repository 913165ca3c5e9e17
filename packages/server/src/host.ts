/** The cores of a host, from the settings of the servers that serve them. */
import { hostNameAt, layerSystemdCoreSource } from "@koredump/node-source"
import { Config, Effect, Option } from "effect"

/** The settings that all servers of one host have, as flags give them. */
export interface HostSettings {
  readonly root: string
  readonly coredumpDir: Option.Option<string>
  readonly nodeName: Option.Option<string>
  readonly maxCores: number
  readonly allowDelete: boolean
}

/** The name of the node: as set, as Kubernetes' downward API gives it (`NODE_NAME`), else the host's. */
export const nodeNameOf = ({ nodeName, root }: HostSettings): Effect.Effect<string> =>
  Effect.map(
    Effect.orDie(Config.option(Config.NonEmptyString("NODE_NAME"))),
    (named) => Option.getOrElse(Option.orElse(nodeName, () => named), () => hostNameAt(root))
  )

/** The source; its reading begins when `begin` ends. */
export const layerHostSource = (settings: HostSettings, nodeName: string, begin: Effect.Effect<void>) =>
  layerSystemdCoreSource({
    root: settings.root,
    ...Option.match(settings.coredumpDir, { onNone: () => ({}), onSome: (coredumpDir) => ({ coredumpDir }) }),
    nodeName,
    allowDelete: settings.allowDelete,
    maxCores: settings.maxCores,
    begin
  })
