/** The version of this package; the build puts it in. */
declare const KOREDUMP_CLI_VERSION: string | undefined

export const cliVersion: string = typeof KOREDUMP_CLI_VERSION === "string" ? KOREDUMP_CLI_VERSION : "0.0.0-dev"
