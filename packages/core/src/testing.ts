/** For those who test with koredump's core, or write their own `CoreSource`: fakes, and the contract suite. */
export * from "./testing/contract.ts"
export * from "./testing/FakeAuthorizer.ts"
export * from "./testing/FakeCoreSource.ts"
export * from "./testing/FakeNodes.ts"
