/** koredump's client for programs on Node: what `.` and `./effect` have not, because it needs files and sockets. */
export * from "./node/downloadCore.ts"
export * from "./node/DownloadError.ts"
export * from "./node/downloadTo.ts"
export * from "./node/HttpNodeConnectorError.ts"
export {
  type HttpNodeConnectorOptions,
  layerHttpNodeConnector,
  nodeAddressRefusal
} from "./node/layerHttpNodeConnector.ts"
export * from "./node/layerNodeHttp.ts"
export { safeFileName } from "./safeFileName.ts"
