/** Runs the exec plugin of a kubeconfig, which prints a token (client.authentication.k8s.io), as kubectl does. */
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { isAbsolute, join } from "node:path"
import { describeFileError } from "../text/describeFileError.ts"
import { escapeHidden } from "../text/escape.ts"
import { Screen } from "../text/Screen.ts"
import { withoutPeriod } from "../text/sentence.ts"
import { KubeconfigError } from "./KubeconfigError.ts"
import type { ExecPlugin, KubeContext } from "./readKubeContext.ts"

const maxBytes = 1024 * 1024
/** The user may have to log in with a browser. */
const timeout = "5 minutes"

const decodeCredential = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({
    kind: Schema.Literal("ExecCredential"),
    status: Schema.Struct({ token: Schema.optionalKey(Schema.NullOr(Schema.String)) })
  }))
)

/** Information about the cluster, for a plugin that requests it. */
const toClusterInfo = ({ cluster }: KubeContext, { provideClusterInfo }: ExecPlugin) =>
  provideClusterInfo === true
    ? {
      cluster: {
        server: cluster.server,
        "certificate-authority-data": cluster["certificate-authority-data"] ?? undefined,
        "tls-server-name": cluster["tls-server-name"] ?? undefined
      }
    }
    : {}

/** The token that the plugin prints. None if it prints a client certificate instead. */
export const runExecPlugin = Effect.fnUntraced(
  function*(plugin: ExecPlugin, context: KubeContext): Effect.fn.Return<
    Option.Option<string>,
    KubeconfigError,
    ChildProcessSpawner.ChildProcessSpawner | Screen
  > {
    const spawner = yield* ChildProcessSpawner.ChildProcessSpawner
    const { confirm } = yield* Screen
    const { apiVersion, args, command, env, installHint, interactiveMode } = plugin
    const interactive = confirm !== undefined && interactiveMode !== "Never"
    const fail = (what: string) =>
      new KubeconfigError({ message: `The kubeconfig's exec plugin "${escapeHidden(command)}" ${what}.` })
    if (!interactive && interactiveMode === "Always") return yield* fail("requires a terminal")

    const info = {
      apiVersion,
      kind: "ExecCredential",
      spec: { ...toClusterInfo(context, plugin), interactive }
    }
    // As in kubectl, a path is relative to the kubeconfig, and a name without a slash is searched in PATH.
    const path = command.includes("/") && !isAbsolute(command) ? join(context.directory, command) : command
    const child = ChildProcess.make(path, args ?? [], {
      env: {
        ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
        KUBERNETES_EXEC_INFO: JSON.stringify(info)
      },
      extendEnv: true,
      // Messages of the plugin go directly to the user.
      stdin: interactive ? "inherit" : "ignore",
      stderr: "inherit"
    })
    const { exitCode, text } = yield* Effect.gen(function*() {
      const handle = yield* spawner.spawn(child)
      const text = yield* handle.stdout.pipe(
        Stream.decodeText(),
        Stream.runFoldEffect(
          () => "",
          (all, part) =>
            all.length + part.length > maxBytes
              ? Effect.fail(fail("printed more than 1 MiB"))
              : Effect.succeed(all + part)
        )
      )
      return { text, exitCode: yield* handle.exitCode }
    }).pipe(
      Effect.scoped,
      Effect.catchTag("PlatformError", (error) => {
        const hint = typeof installHint === "string" ? `. ${withoutPeriod(escapeHidden(installHint.trim()))}` : ""
        return Effect.fail(fail(`cannot be started: ${describeFileError(error)}${hint}`))
      }),
      Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(fail(`did not finish within ${timeout}`)) })
    )
    if (exitCode !== 0) return yield* fail(`failed with exit code ${exitCode}`)
    const credential = decodeCredential(text)
    if (Option.isNone(credential)) return yield* fail("did not print an ExecCredential")
    return Option.fromNullishOr(credential.value.status.token)
  }
)
