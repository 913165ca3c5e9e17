/** Address of the Kubernetes API and credentials for it. */
import { type Effect, Schema } from "effect"
import type { Agent, AgentOptions } from "node:https"

/** The configuration for the Kubernetes API cannot be used. The message is a sentence for users, without secrets. */
export class KubeConfigError extends Schema.TaggedError<KubeConfigError>()("KubeConfigError", {
  message: Schema.String
}) {}

/** Selects a cluster. */
export interface KubeConfigOptions {
  /**
   * Path of a kubeconfig. Default: the files in `KUBECONFIG`, then the service account of this pod, then
   * `~/.kube/config`.
   */
  readonly kubeconfig?: string | undefined
  /** Context of the kubeconfig. Default: the current context. */
  readonly context?: string | undefined
}

/** TLS settings and headers for the next request. */
export interface KubeCredentials {
  readonly tls: Pick<AgentOptions, "ca" | "cert" | "key" | "servername">
  /** Creates the connections if the kubeconfig has a proxy. */
  readonly proxy: Agent | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** Access to one cluster. */
export interface KubeAccess {
  /** URL of the Kubernetes API, without a slash at the end. */
  readonly server: string
  /** The namespace of the context or of the service account. */
  readonly namespace: string | undefined
  /** Read before each request, because files and exec plugins rotate them. */
  readonly credentials: Effect.Effect<KubeCredentials, KubeConfigError>
  /** Call this when the Kubernetes API has rejected the credentials: the next ones are read again. */
  readonly onRejected: Effect.Effect<void>
}
