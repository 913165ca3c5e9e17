/** `koredump-server node`: this host's cores for callers on the network, who prove who they are. */
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { layerNodeSource, nodeNameOf } from "../host.ts"
import { layerServer } from "../launch.ts"
import { kubeApiOf, networkMode } from "../network.ts"
import { commonFlags, hostFlags, listenFlag, networkFlags, nodeFlags, opsListenFlag } from "../settings.ts"

const flags = {
  listen: listenFlag("0.0.0.0:5001", "Address"),
  opsListen: opsListenFlag("0.0.0.0:8081"),
  ...networkFlags,
  ...commonFlags,
  ...hostFlags,
  ...nodeFlags
}

/** See the module's text. */
export const node = Command.make(
  "node",
  flags,
  Effect.fnUntraced(function*(settings) {
    const kubeApi = yield* kubeApiOf(settings)
    const mode = yield* networkMode(settings, kubeApi, {
      audiences: ["koredump-node"],
      acceptApiServerAudience: false
    })
    const name = yield* nodeNameOf(settings)
    const source = yield* layerNodeSource(settings, name, kubeApi)
    return yield* Layer.launch(layerServer(settings, { ...mode, node: name, serves: `node ${name}` }, source))
  })
).pipe(Command.withDescription("Serve this host's cores to callers with tokens"))
