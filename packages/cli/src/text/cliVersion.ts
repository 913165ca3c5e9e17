/** Set by the build. */
declare const KOREDUMP_CLI_VERSION: string | undefined

/** The version of this package. */
export const cliVersion: string = typeof KOREDUMP_CLI_VERSION === "string" ? KOREDUMP_CLI_VERSION : "0.0.0-dev"
