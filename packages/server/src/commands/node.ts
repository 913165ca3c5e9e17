import { Effect } from "effect"
import { Command } from "effect/cli"
import { commonFlags, hostFlags, listenFlag, networkFlags, nodeFlags, opsListenFlag } from "../settings/flags.ts"
import { makeNodeSource, resolveNodeName } from "./hostSource.ts"
import { launchServer } from "./launchServer.ts"
import { resolveKubeApi, resolveNetworkMode } from "./networkMode.ts"

const flags = {
  listen: listenFlag("0.0.0.0:5001", "Address to listen on"),
  opsListen: opsListenFlag("0.0.0.0:8081"),
  ...networkFlags,
  ...commonFlags,
  ...hostFlags,
  ...nodeFlags
}

/** The cluster server is one caller, for all of its own callers. Others need only a little. */
const callerShare = 0.75

/** `koredump-server node`: serves this host's cores to authenticated callers on the network. */
export const node = Command.make(
  "node",
  flags,
  Effect.fnUntraced(function*(settings) {
    const kubeApi = yield* resolveKubeApi(settings)
    const mode = yield* resolveNetworkMode(settings, kubeApi, {
      audiences: ["koredump-node"],
      acceptApiServerAudience: false
    })
    const name = yield* resolveNodeName(settings)
    const source = yield* makeNodeSource(settings, name, kubeApi)
    return yield* launchServer(settings, { ...mode, mode: "node", node: name, callerShare }, source)
  })
).pipe(Command.withDescription("Serve the cores of this host to authenticated callers (node agent)"))
