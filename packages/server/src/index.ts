/**
 * The koredump REST API over any `CoreSource`, to embed: `layerHttpApp` puts its routes on an Effect router, in process
 * or on a server; `layerServe` does so with everything that `koredump-server` has around it.
 */
export { Admission } from "./Admission.ts"
export type { AppOptions } from "./AppOptions.ts"
export { layerNoAuthorization, layerTokenAuthorization } from "./auth/authorization.ts"
export { layerTokenFile } from "./auth/tokenFile.ts"
export type { TlsPair } from "./http/layerHttpServer.ts"
export { layerHttpApp, routerConfig } from "./httpApp.ts"
export { type ListenAddress, parseListenAddress } from "./listenAddress.ts"
export { layerServe, type ServeOptions } from "./serve.ts"
export { SettingsError } from "./SettingsError.ts"
