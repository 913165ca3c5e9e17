/** The koredump client for programs on Effect. Runs anywhere: does not need Node.js. */
export * from "./client/CoresQuery.ts"
export * from "./client/Koredump.ts"
export { safeFileName } from "./client/safeFileName.ts"
export type { RemoteOptions } from "./connection/RemoteOptions.ts"
export type { ReadBody } from "./connection/responseBody.ts"
export { nodeLimits, type ResponseLimits } from "./connection/responseLimits.ts"
export { layerRemoteCoreSource, makeRemoteCoreSource } from "./source/RemoteCoreSource.ts"
