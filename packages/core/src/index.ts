/**
 * The model and the services of koredump. Runs anywhere: no Node, no Kubernetes.
 */
export * from "./Api.ts"
export * from "./Authenticator.ts"
export * from "./Core.ts"
export * from "./CoreEvent.ts"
export * from "./CoreFilter.ts"
export * from "./CoreId.ts"
export * from "./CoreIndex.ts"
export * from "./CoreQuery.ts"
export * from "./CoreSource.ts"
export * from "./CoreWatch.ts"
export * from "./PodCgroup.ts"
export * from "./Problem.ts"
export * from "./Signal.ts"
export * from "./StackTrace.ts"
