/** `koredump-server node`: this host's cores for callers on the network, who prove who they are. */
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { layerHostSource, nodeNameOf } from "../host.ts"
import { layerServer } from "../launch.ts"
import { networkMode } from "../network.ts"
import { commonFlags, hostFlags, listenFlag, networkFlags, opsListenFlag } from "../settings.ts"

const flags = {
  listen: listenFlag("0.0.0.0:5001", "Address"),
  opsListen: opsListenFlag("0.0.0.0:8081"),
  ...networkFlags,
  ...commonFlags,
  ...hostFlags
}

/** See the module's text. */
export const node = Command.make(
  "node",
  flags,
  Effect.fnUntraced(function*(settings) {
    const mode = yield* networkMode(settings)
    const name = yield* nodeNameOf(settings)
    return yield* Layer.launch(
      layerServer(
        settings,
        { ...mode, node: name, serves: `node ${name}` },
        (begin) => layerHostSource(settings, name, begin)
      )
    )
  })
).pipe(Command.withDescription("Serve this host's cores to callers with tokens"))
