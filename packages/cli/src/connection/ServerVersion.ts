/** The version of the koredump server that was asked. */
import { Context } from "effect"

/** Undefined as long as no answer told it. */
export interface ServerVersion {
  said: string | undefined
}

/** What the source that asks the server writes down, for `status`. */
export const ServerVersion = Context.Reference<ServerVersion>("@koredump/cli/ServerVersion", {
  defaultValue: () => ({ said: undefined })
})

/** What an answer's headers say of it. */
export const versionIn = (headers: Readonly<Record<string, string | undefined>>): string | undefined =>
  /^[\w.+-]{1,64}$/.exec(headers["koredump-version"] ?? "")?.[0]
