import { Schema } from "effect"

/** A setting cannot be used: one sentence for whoever started the server, who gets exit code 2. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  message: Schema.String
}) {}
