/**
 * The koredump REST API over any `CoreSource`, for embedding. `layerHttpApp` adds its routes to an Effect router, in
 * process or on a server. `layerServe` is a complete server like `koredump-server`.
 */
export { Admission } from "./admission/Admission.ts"
export { layerHttpApp, routerConfig } from "./app/layerHttpApp.ts"
export { layerServe, type ServeOptions } from "./app/layerServe.ts"
export { layerNoAuthorization, layerTokenAuthorization } from "./auth/authorization.ts"
export { layerTokenFile } from "./auth/tokenFile.ts"
export type { AppOptions } from "./handlers/AppOptions.ts"
export { type ListenAddress, parseListenAddress } from "./settings/listenAddress.ts"
export { SettingsError } from "./settings/SettingsError.ts"
export type { TlsPair } from "./settings/tls.ts"
