/** koredump on Kubernetes: which nodes there are, who asks, who may, and which pod crashed. */
export { KubeConfigError, type KubeConfigOptions } from "./KubeAccess.ts"
export * from "./KubeApi.ts"
export * from "./KubeAuthenticator.ts"
export * from "./KubeAuthorizer.ts"
export * from "./KubeNodeDirectory.ts"
export * from "./PodWatchResolver.ts"
export { hasServiceAccount } from "./serviceAccount.ts"
