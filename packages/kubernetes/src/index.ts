/** koredump on Kubernetes: node discovery, authentication, authorization and pod identities. */
export { KubeConfigError, type KubeConfigOptions } from "./api/KubeAccess.ts"
export * from "./api/KubeApi.ts"
export { hasServiceAccount } from "./api/serviceAccount.ts"
export * from "./KubeAuthenticator.ts"
export * from "./KubeAuthorizer.ts"
export * from "./KubeNodeDirectory.ts"
export * from "./PodWatchResolver.ts"
