import { Schema } from "effect"

/** The kubeconfig, or the token that it leads to, is not usable. The message is a sentence without secrets. */
export class KubeconfigError extends Schema.TaggedError<KubeconfigError>()("KubeconfigError", {
  message: Schema.String
}) {}
