/** Where the API server is, and how to prove to it who we are. */
import { type Effect, Schema } from "effect"
import type { Agent, AgentOptions } from "node:https"

/** The API server cannot be found as configured: one sentence for whoever started the program. */
export class KubeConfigError extends Schema.TaggedError<KubeConfigError>()("KubeConfigError", {
  message: Schema.String
}) {}

/** Which cluster. */
export interface KubeConfigOptions {
  /**
   * A kubeconfig. Without it those that `KUBECONFIG` names, else the service account of the pod that this runs in, else
   * `~/.kube/config`.
   */
  readonly kubeconfig?: string | undefined
  /** A context of the kubeconfig; without it the current one. */
  readonly context?: string | undefined
}

/** What a request needs at the moment. */
export interface KubeCredentials {
  readonly tls: Pick<AgentOptions, "ca" | "cert" | "key" | "servername">
  /** What makes the connections, where they go through a proxy. */
  readonly proxy: Agent | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** See the module's text. */
export interface KubeAccess {
  /** Address of the API server, without a slash at the end. */
  readonly server: string
  /** The namespace of the context or of the service account. */
  readonly namespace: string | undefined
  /** Asked for before each request: files and plugins may have newer ones. */
  readonly credentials: Effect.Effect<KubeCredentials, KubeConfigError>
  /** The API server did not accept the last ones. */
  readonly refused: Effect.Effect<void>
}
