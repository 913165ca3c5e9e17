/** How a cluster server reaches its node agents: implementations of the `NodeConnector` service. Needs Node.js. */
export { HttpNodeConnectorError } from "./HttpNodeConnectorError.ts"
export {
  type HttpNodeConnectorOptions,
  invalidAddressReason,
  layerHttpNodeConnector
} from "./layerHttpNodeConnector.ts"
