/** Runs the program by which a kubeconfig gets a user's token (client.authentication.k8s.io), as kubectl does. */
import { Effect, Option, Schema, Stream } from "effect"
import { ChildProcess, ChildProcessSpawner } from "effect/process"
import { isAbsolute, join } from "node:path"
import { visible } from "../text/escape.ts"
import { Screen } from "../text/Screen.ts"
import { type ExecPlugin, KubeconfigError, type KubeContext } from "./readKubeContext.ts"

const maxBytes = 1024 * 1024
/** A person may have to log in with a browser. */
const timeout = "5 minutes"

const decodeCredential = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({
    kind: Schema.Literal("ExecCredential"),
    status: Schema.Struct({ token: Schema.optionalKey(Schema.NullOr(Schema.String)) })
  }))
)

/** What a plugin is told of the cluster where it asks for it. */
const clusterInfo = ({ cluster }: KubeContext, { provideClusterInfo }: ExecPlugin) =>
  provideClusterInfo === true
    ? {
      cluster: {
        server: cluster.server,
        "certificate-authority-data": cluster["certificate-authority-data"] ?? undefined,
        "tls-server-name": cluster["tls-server-name"] ?? undefined
      }
    }
    : {}

/** The token that the plugin gives; none where it gives a certificate instead. */
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
    const refuse = (what: string) =>
      new KubeconfigError({ message: `The kubeconfig's program ${visible(command)} ${what}.` })
    if (!interactive && interactiveMode === "Always") return yield* refuse("has to ask, and there is no terminal")

    const info = {
      apiVersion,
      kind: "ExecCredential",
      spec: { ...clusterInfo(context, plugin), interactive }
    }
    // As kubectl: a path is relative to the kubeconfig, a bare name is looked for in PATH.
    const path = command.includes("/") && !isAbsolute(command) ? join(context.directory, command) : command
    const child = ChildProcess.make(path, args ?? [], {
      env: {
        ...Object.fromEntries((env ?? []).map(({ name, value }) => [name, value])),
        KUBERNETES_EXEC_INFO: JSON.stringify(info)
      },
      extendEnv: true,
      // What it says to the person goes by itself.
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
            all.length + part.length > maxBytes ? Effect.fail(refuse("says too much")) : Effect.succeed(all + part)
        )
      )
      return { text, exitCode: yield* handle.exitCode }
    }).pipe(
      Effect.scoped,
      Effect.catchTag("PlatformError", ({ reason }) =>
        Effect.fail(refuse(
          `cannot be run: ${reason._tag}` + (typeof installHint === "string" ? `. ${visible(installHint.trim())}` : "")
        ))),
      Effect.timeoutOrElse({ duration: timeout, orElse: () => Effect.fail(refuse("does not end")) })
    )
    if (exitCode !== 0) return yield* refuse(`failed with exit code ${exitCode}`)
    const credential = decodeCredential(text)
    if (Option.isNone(credential)) return yield* refuse("gave no ExecCredential")
    return Option.fromNullishOr(credential.value.status.token)
  }
)
