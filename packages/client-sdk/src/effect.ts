/** koredump's client for programs on Effect. Runs anywhere: no Node. */
export { layerRemoteCoreSource } from "./RemoteCoreSource.ts"
export { type RemoteOptions } from "./Transport.ts"
