import { Effect } from "effect"
import { Command } from "effect/cli"
import { layerNoAuthorization } from "../auth/authorization.ts"
import { layerLoopbackOnly } from "../auth/loopback.ts"
import { commonFlags, hostFlags, listenFlag, opsListenFlag } from "../settings/flags.ts"
import { parseListenFlag, parseOpsListenFlag } from "../settings/listenAddress.ts"
import { failSettings } from "../settings/SettingsError.ts"
import { layerHostSource, resolveNodeName } from "./hostSource.ts"
import { launchServer } from "./launchServer.ts"

const flags = {
  listen: listenFlag("127.0.0.1:5000", "Loopback address or unix:PATH"),
  opsListen: opsListenFlag(undefined),
  ...commonFlags,
  ...hostFlags
}

const warnAboutRoot = Effect.logWarning("Running as root: every user of this host can read all cores").pipe(
  Effect.annotateLogs({ hint: "Listen on a Unix socket (--listen unix:PATH), or run the server as yourself." })
)

/** `koredump-server local`: serves this host's cores to its own users. */
export const local = Command.make(
  "local",
  flags,
  Effect.fnUntraced(function*(settings) {
    const listen = yield* parseListenFlag("listen", settings.listen)
    if (!listen.loopback) {
      return yield* failSettings(
        `--listen ${settings.listen}: the local server has no authentication and listens on loopback only. For other ` +
          "addresses, use \"koredump-server node\"."
      )
    }
    const node = yield* resolveNodeName(settings)
    const isSocket = "path" in listen
    return yield* launchServer(settings, {
      listen,
      ...yield* parseOpsListenFlag(settings.opsListen),
      mode: "local",
      // All users of the host are the same caller.
      callerShare: 1,
      node,
      authorization: layerNoAuthorization,
      ...(isSocket ? {} : { middleware: layerLoopbackOnly }),
      ...(!isSocket && process.getuid?.() === 0 ? { onListening: warnAboutRoot } : {})
    }, (start) => layerHostSource(settings, { nodeName: node, ...start }))
  })
).pipe(Command.withDescription("Serve the cores of this host on loopback, without tokens"))
