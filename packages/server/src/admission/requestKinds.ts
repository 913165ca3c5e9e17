/**
 * What a request may cost. Each route has a kind of request. Each kind has a class, a share of the memory limit, and the
 * memory of one request, so its limit is the share divided by that memory.
 *
 * `docs/operations/limits.md` has the table. A test compares the routes with the OpenAPI document.
 */
import type { Compression } from "@koredump/core"

const KiB = 1024
const MiB = 1024 * KiB

/**
 * - `light`: an answer that exists already or is tiny.
 * - `heavy`: takes processor time or much memory, but ends soon. Waits for its turn.
 * - `stream`: runs for long with constant memory. Does not wait.
 */
export type RequestClass = "light" | "heavy" | "stream"

interface RequestCost {
  readonly class: RequestClass
  /** Part of the memory limit for all requests of this kind. */
  readonly share: number
  /**
   * Memory of one request in bytes, in the process and in the send buffer of the kernel, if the client takes nothing: the
   * kernel counts both in the memory of a container.
   */
  readonly bytes: number
  /** Limit for one caller, apart from the caller's share. */
  readonly maxPerCaller?: number
}

/** The kinds of requests. */
export const requestKinds = {
  /** Health, status codes without content, deletion. */
  small: { class: "light", share: 0.02, bytes: 16 * KiB },
  /** The OpenAPI document and the page to browse it: the same bytes for all. */
  page: { class: "light", share: 0.03, bytes: 6 * MiB },
  /** Lists of summaries and nodes. Encoded while they are sent. */
  list: { class: "heavy", share: 0.08, bytes: 6 * MiB, maxPerCaller: 4 },
  /** Core metadata, and lists with heavy fields: up to 8 MiB of JSON, as text, as an object and encoded. */
  metadata: { class: "heavy", share: 0.15, bytes: 24 * MiB },
  /**
   * Downloads: two blocks of 1 MiB, with TLS the encrypted copy of one, in a cluster server the buffer of the node's
   * connection, and the send buffer. A decompressed download counts as several, see `toDownloadWeight`.
   */
  download: { class: "stream", share: 0.2, bytes: 7 * MiB },
  /** Watches: a chunk of 64 KiB, and at most 128 KiB that the client has not received. */
  watch: { class: "stream", share: 0.1, bytes: 256 * KiB }
} as const satisfies Record<string, RequestCost>

/** A kind of request. */
export type RequestKind = keyof typeof requestKinds

/**
 * Most memory of a decompressed download in bytes, with 4 MiB in the send buffer. Files of systemd-coredump need less:
 * zstd 9 MiB, lz4 6 MiB, xz 12 MiB, and the send buffer.
 *
 * - zstd: a window of 8 MiB, five pieces of 1 MiB, input, and with TLS the encrypted copy of a piece.
 * - lz4: blocks of 4 MiB (systemd-coredump: 256 KiB) in four pieces, input for one, and with TLS a copy of one.
 * - xz: a dictionary of 64 MiB (default of xz: 8 MiB), and small pieces.
 */
const decompressedBytes = {
  none: requestKinds.download.bytes,
  zstd: (15 + 4) * MiB,
  lz4: (25 + 4) * MiB,
  xz: (68 + 4) * MiB
} as const satisfies Record<Compression, number>

/** As how many downloads a decompressed download counts. */
export const toDownloadWeight = (compression: Compression): number =>
  Math.ceil(decompressedBytes[compression] / requestKinds.download.bytes)

/** The kind of each route, by method and path. */
export const routeKinds = {
  "GET /apiv1/cores": "list",
  "GET /apiv1/cores/metadata/:node/:id": "metadata",
  "GET /apiv1/cores/metadata/:id": "metadata",
  "GET /apiv1/cores/download/:node/:id": "download",
  "GET /apiv1/cores/download/:id": "download",
  "DELETE /apiv1/cores/delete/:node/:id": "small",
  "DELETE /apiv1/cores/delete/:id": "small",
  "GET /apiv1/watch": "watch",
  "GET /apiv1/nodes": "list",
  "GET /health": "small",
  "GET /openapi.json": "page",
  "GET /docs": "page"
} as const satisfies Record<string, RequestKind>

/** A route, by method and path. */
export type Route = keyof typeof routeKinds

/** How many requests of a kind can run at the same time. */
export interface RequestLimit {
  readonly max: number
  readonly maxPerCaller: number
}

/** What the limits depend on. */
export interface LimitSettings {
  /** In bytes. */
  readonly memoryLimit: number
  /** The part of each limit that one caller can use. */
  readonly callerShare: number
  readonly maxDownloads: number
  readonly maxWatches: number
}

/** The limits of all kinds of requests. At least one request of each kind can run. */
export const toRequestLimits = (
  { callerShare, maxDownloads, maxWatches, memoryLimit }: LimitSettings
): Readonly<Record<RequestKind, RequestLimit>> => {
  const configured: Partial<Record<RequestKind, number>> = { download: maxDownloads, watch: maxWatches }
  const toLimit = (kind: RequestKind): RequestLimit => {
    const { bytes, maxPerCaller = Number.POSITIVE_INFINITY, share }: RequestCost = requestKinds[kind]
    const affordable = Math.max(1, Math.floor(memoryLimit * share / bytes))
    const max = Math.min(affordable, configured[kind] ?? affordable)
    return { max, maxPerCaller: Math.min(maxPerCaller, Math.max(1, Math.floor(max * callerShare))) }
  }
  return {
    small: toLimit("small"),
    page: toLimit("page"),
    list: toLimit("list"),
    metadata: toLimit("metadata"),
    download: toLimit("download"),
    watch: toLimit("watch")
  }
}
