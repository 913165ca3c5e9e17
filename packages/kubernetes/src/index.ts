/** koredump on Kubernetes: which nodes there are, who asks, who may, and which pod crashed. */
export * from "./KubeApi.ts"
export * from "./KubeAuthenticator.ts"
export * from "./KubeAuthorizer.ts"
export { KubeConfigError, type KubeConfigOptions } from "./KubeCredentials.ts"
export * from "./KubeNodeDirectory.ts"
export * from "./PodWatchResolver.ts"
