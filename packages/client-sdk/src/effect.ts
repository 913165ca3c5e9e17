/** The koredump client for programs on Effect. Runs anywhere: does not need Node.js. */
export * from "./CoresQuery.ts"
export * from "./Koredump.ts"
export { layerRemoteCoreSource, makeRemoteCoreSource } from "./RemoteCoreSource.ts"
export { safeFileName } from "./safeFileName.ts"
export { type ReadBody, type RemoteOptions } from "./Transport.ts"
