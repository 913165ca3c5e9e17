/** The version of this package; the build puts it in. */
declare const KOREDUMP_SERVER_VERSION: string | undefined

export const serverVersion: string = typeof KOREDUMP_SERVER_VERSION === "string" ? KOREDUMP_SERVER_VERSION : "0.0.0-dev"
