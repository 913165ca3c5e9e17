/** Requests to the REST API with fetch. */
import type { Server } from "./Server.ts"

/** A core as JSON, without decoding, because the tests check what is sent. */
export interface WireCore {
  readonly id: string
  readonly node: string
  readonly state: "present" | "truncated" | "missing" | "pending"
  readonly resourceVersion: string
  readonly size?: number
  readonly compression: string
  readonly title?: string
  readonly signature?: string
  readonly reason?: string
  readonly pod_uid?: string
  readonly container_id?: string
  readonly stack?: {
    readonly threads: ReadonlyArray<{
      readonly tid: number
      readonly frames: ReadonlyArray<{ readonly function?: string; readonly module?: string }>
    }>
  }
  readonly COREDUMP_PID: number
  readonly COREDUMP_TIMESTAMP: string
  readonly [field: string]: unknown
}

/** Sends a request with the token of the server. */
export const request = (server: Server, path: string, init: RequestInit = {}): Promise<Response> => {
  const headers = new Headers(init.headers)
  if (server.token !== undefined) headers.set("authorization", `Bearer ${server.token}`)
  return fetch(new URL(path, server.url), { ...init, headers })
}

const ok = async (response: Response): Promise<Response> => {
  if (!response.ok) throw new Error(`${response.status} ${response.url}: ${await response.text()}`)
  return response
}

/** `GET /apiv1/cores`. */
export const list = async (server: Server, query = ""): Promise<ReadonlyArray<WireCore>> => {
  const response = await ok(await request(server, `/apiv1/cores?${query}`))
  return await response.json() as ReadonlyArray<WireCore>
}

/** The path of the metadata or the content of a core. */
export const corePath = (
  what: "metadata" | "download",
  core: { readonly node: string; readonly id: string }
): string => `/apiv1/cores/${what}/${encodeURIComponent(core.node)}/${encodeURIComponent(core.id)}`

/** `GET /apiv1/cores/metadata/{node}/{id}`. */
export const metadata = async (server: Server, core: Pick<WireCore, "node" | "id">): Promise<WireCore> =>
  await (await ok(await request(server, corePath("metadata", core)))).json() as WireCore

/** The body of `GET /apiv1/cores/download/{node}/{id}`. Reading fails if the server closes the connection. */
export const download = async (
  server: Server,
  core: Pick<WireCore, "node" | "id">,
  query = ""
): Promise<ReadableStream<Uint8Array>> =>
  (await ok(await request(server, `${corePath("download", core)}?${query}`))).body!

/** A core without its resource version, which differs between servers. */
export const unversioned = (core: WireCore): Omit<WireCore, "resourceVersion"> => {
  const { resourceVersion, ...rest } = core
  return typeof resourceVersion === "string" ? rest : core
}
