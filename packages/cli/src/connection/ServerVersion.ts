import { Context } from "effect"

/** The version of the koredump server. The source that sends requests sets it, and `status` shows it. */
export interface ServerVersion {
  /** Undefined until a response reports the version. */
  reported: string | undefined
}

/** The version of the server that this command uses. */
export const ServerVersion = Context.Reference<ServerVersion>("@koredump/cli/ServerVersion", {
  defaultValue: () => ({ reported: undefined })
})

/** The server's version in the headers of a response. Undefined if it is absent or malformed. */
export const parseServerVersion = (headers: Readonly<Record<string, string | undefined>>): string | undefined =>
  /^[\w.+-]{1,64}$/.exec(headers["koredump-version"] ?? "")?.[0]
