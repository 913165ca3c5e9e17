/** The koredump client for programs on Node.js: downloads to files, and an HTTP client for Unix sockets and CA files. */
export { safeFileName } from "./client/safeFileName.ts"
export * from "./nodejs/downloadCore.ts"
export * from "./nodejs/DownloadError.ts"
export type { DownloadedFile } from "./nodejs/DownloadTarget.ts"
export * from "./nodejs/downloadTo.ts"
export * from "./nodejs/layerNodeHttp.ts"
export * from "./nodejs/writeTextFile.ts"
