/** The koredump client for programs on Node.js: downloads to files, and an HTTP client for Unix sockets and CA files. */
export * from "./nodejs/downloadCore.ts"
export * from "./nodejs/DownloadError.ts"
export * from "./nodejs/downloadTo.ts"
export * from "./nodejs/layerNodeHttp.ts"
export { safeFileName } from "./safeFileName.ts"
