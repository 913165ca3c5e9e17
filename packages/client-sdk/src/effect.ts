/** koredump's client for programs on Effect. Runs anywhere: no Node. */
export * from "./CoresQuery.ts"
export * from "./Koredump.ts"
export { layerRemoteCoreSource } from "./RemoteCoreSource.ts"
export { safeFileName } from "./safeFileName.ts"
export { type RemoteOptions } from "./Transport.ts"
