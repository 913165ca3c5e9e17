import { Effect, Schema } from "effect"

/** A setting is invalid. The message is one sentence for the user. The program exits with code 2. */
export class SettingsError extends Schema.TaggedError<SettingsError>()("SettingsError", {
  message: Schema.String
}) {}

/** Fails with a {@link SettingsError}. */
export const failSettings = (message: string): Effect.Effect<never, SettingsError> =>
  Effect.fail(new SettingsError({ message }))
