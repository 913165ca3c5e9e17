/** `koredump-server local`: this host's cores for its own users, on loopback. */
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { layerNoAuthorization } from "../auth/authorization.ts"
import { layerLoopbackOnly } from "../auth/loopback.ts"
import { layerHostSource, nodeNameOf } from "../host.ts"
import { layerServer, listenAddress, opsListenAddress } from "../launch.ts"
import { commonFlags, hostFlags, listenFlag, opsListenFlag } from "../settings.ts"
import { SettingsError } from "../SettingsError.ts"

const rootWarning =
  "Runs as root: every user of this host can read these cores, and the secrets in them, through this " +
  "address. With --listen unix:PATH only root can."

const flags = {
  listen: listenFlag("127.0.0.1:5000", "Address on loopback, or unix:PATH"),
  opsListen: opsListenFlag(undefined),
  ...commonFlags,
  ...hostFlags
}

/** See the module's text. */
export const local = Command.make(
  "local",
  flags,
  Effect.fnUntraced(function*(settings) {
    const listen = yield* listenAddress("listen", settings.listen)
    if (!listen.loopback) {
      return yield* new SettingsError({
        message:
          `--listen ${settings.listen}: the local server has no tokens, so it listens on loopback only; use "node" for others.`
      })
    }
    const node = yield* nodeNameOf(settings)
    const overSocket = "path" in listen
    return yield* Layer.launch(layerServer(settings, {
      listen,
      ...yield* opsListenAddress(settings.opsListen),
      node,
      serves: `node ${node}`,
      authorization: layerNoAuthorization,
      ...(overSocket ? {} : { extra: layerLoopbackOnly }),
      ...(!overSocket && process.getuid?.() === 0 ? { warning: rootWarning } : {})
    }, (begin) => layerHostSource(settings, { nodeName: node, begin })))
  })
).pipe(Command.withDescription("Serve this host's cores on loopback, without tokens"))
