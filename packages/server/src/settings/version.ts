/** Set by the build. */
declare const KOREDUMP_SERVER_VERSION: string | undefined

/** The version of this package. */
export const serverVersion: string = typeof KOREDUMP_SERVER_VERSION === "string" ? KOREDUMP_SERVER_VERSION : "0.0.0-dev"
