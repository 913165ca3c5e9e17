/** The core dumps that systemd-coredump stores on a host, as a `CoreSource`. */
export { hostNameAt } from "./host/HostPaths.ts"
export type { RawEntry } from "./journal/decodeJournalExport.ts"
export { Journal, JournalFailure } from "./journal/Journal.ts"
export { hostPodResolvers } from "./pods/hostPodResolvers.ts"
export { parseNamespaceRegex } from "./pods/parseNamespaceRegex.ts"
export { layerSystemdCoreSource, layerSystemdCoreSourceNoJournal } from "./SystemdCoreSource.ts"
export { type SystemdCoreSourceOptions, SystemdHost } from "./SystemdHost.ts"
