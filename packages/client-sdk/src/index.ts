/** The koredump client for programs on Promises. Runs in Node.js, Bun, Deno and browsers. */
export type { CoresFilter, CoresQuery } from "./client/CoresQuery.ts"
export * from "./client/createKoredump.ts"
export type { CoreName, DownloadInfo, DownloadQuery, WatchQuery } from "./client/Koredump.ts"
export type { CallOptions, Download, KoredumpClient } from "./client/KoredumpClient.ts"
export { safeFileName } from "./client/safeFileName.ts"
export type { RemoteOptions } from "./connection/RemoteOptions.ts"
