/** Fakes and the contract suite of `CoreSource`, for tests and for your own `CoreSource`. */
export * from "./testing/contract.ts"
export * from "./testing/FakeAuthorizer.ts"
export * from "./testing/FakeCoreSource.ts"
export * from "./testing/FakeNodes.ts"
