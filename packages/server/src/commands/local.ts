/** `koredump-server local`: this host's cores for its own users, on loopback. */
import { Effect, Layer } from "effect"
import { Command } from "effect/cli"
import { layerNoAuthorization } from "../auth/authorization.ts"
import { layerLoopbackOnly } from "../auth/loopback.ts"
import { layerHostServer, listenAddress } from "../host.ts"
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
  Effect.fnUntraced(function*({ listen, opsListen, ...settings }) {
    const address = yield* listenAddress("listen", listen)
    if (!address.loopback) {
      return yield* new SettingsError({
        message:
          `--listen ${listen}: the local server has no tokens, so it listens on loopback only; use "node" for others.`
      })
    }
    const overSocket = "path" in address
    return yield* Layer.launch(layerHostServer(settings, {
      listen: address,
      ...(opsListen._tag === "Some" ? { opsListen: yield* listenAddress("ops-listen", opsListen.value) } : {}),
      authorization: layerNoAuthorization,
      ...(overSocket ? {} : { extra: layerLoopbackOnly }),
      ...(!overSocket && process.getuid?.() === 0 ? { warning: rootWarning } : {})
    }))
  })
).pipe(Command.withDescription("Serve this host's cores on loopback, without tokens"))
