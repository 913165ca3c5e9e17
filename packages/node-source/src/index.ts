/** The core dumps that systemd-coredump keeps on a host, as a `CoreSource`. */
export { hostNameAt } from "./HostPaths.ts"
export { Journal, JournalFailure } from "./Journal.ts"
export type { RawEntry } from "./JournalExport.ts"
export { parseNamespaceRegex } from "./namespaceRegex.ts"
export { hostPodResolvers } from "./pods/hostPodResolvers.ts"
export { layerSystemdCoreSource, layerSystemdCoreSourceNoJournal } from "./SystemdCoreSource.ts"
export { type SystemdCoreSourceOptions, SystemdHost } from "./SystemdHost.ts"
