/**
 * Simulated node agents. One listener serves up to 1,000 of them, each with its own loopback address (127.77.x.y). They
 * implement the part of the node API that a cluster server uses, and record its requests.
 */
import { once } from "node:events"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"

/** The fields of a core that a test sets. */
export interface SimCore {
  readonly namespace?: string
  readonly fields?: Readonly<Record<string, unknown>>
}

interface Stored {
  readonly id: string
  readonly summary: Record<string, unknown>
}

/** A node with its cores. */
interface SimNode {
  readonly name: string
  readonly cores: Map<string, Stored>
  readonly watchers: Set<ServerResponse>
}

/** A request that arrived. */
interface SimRequest {
  readonly node: string
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
}

const boot = "0123456789abcdef0123456789abcdef"
const heartbeatMillis = 4_000
const heartbeatTicks = 100
const modified = new Date(1_700_000_000_000).toUTCString()

/** The secret content of a core, which must appear only in permitted responses. */
export const makeSecret = (id: string): string => `SECRET=${Buffer.from(id).toString("base64url")}`

/** The bytes of a core. */
export const makeBytes = (id: string): string => `the bytes of ${id}`

const toAddress = (index: number): string => `127.77.${Math.floor(index / 250)}.${1 + index % 250}`

/** All simulated node agents of a test. */
export class SimNodes implements AsyncDisposable {
  readonly requests: Array<SimRequest> = []
  readonly names: ReadonlyArray<string>
  readonly #nodes = new Map<string, SimNode>()
  readonly #server: Server
  readonly #heartbeat: NodeJS.Timeout
  #version = 0
  #crashes = 0

  private constructor(names: ReadonlyArray<string>) {
    this.names = names
    for (const [i, name] of names.entries()) {
      this.#nodes.set(toAddress(i), { name, cores: new Map(), watchers: new Set() })
    }
    this.#server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => this.#answer(request, response))
    const nodes = [...this.#nodes.values()]
    let tick = 0
    // Spread the heartbeats, like on real nodes.
    this.#heartbeat = setInterval(() => {
      tick = (tick + 1) % heartbeatTicks
      for (let i = tick; i < nodes.length; i += heartbeatTicks) {
        for (const watcher of nodes[i]!.watchers) this.#bookmark(watcher)
      }
    }, heartbeatMillis / heartbeatTicks)
  }

  static async start(names: ReadonlyArray<string>): Promise<SimNodes> {
    const nodes = new SimNodes(names)
    nodes.#server.listen(0, "0.0.0.0")
    await once(nodes.#server, "listening")
    return nodes
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  address(name: string): string {
    return toAddress(this.names.indexOf(name))
  }

  /** Adds a core to a node and returns its ID. */
  crash(name: string, { fields = {}, namespace }: SimCore = {}): string {
    const node = this.#node(name)
    const usec = 1_700_000_000_000_000 + this.#crashes++ * 1_000_000
    const pid = 1000 + this.#crashes
    const id = `core.crash.0.${boot}.${pid}.${usec}.zst`
    const pod = namespace === undefined ? {} : {
      namespace,
      pod: `web-${this.#crashes}`,
      container: "web",
      image_name: "registry.example/web:1",
      pod_uid: "3f1c2d4e-5a6b-4c7d-8e9f-0a1b2c3d4e5f"
    }
    const summary = {
      id,
      node: name,
      state: "present",
      size: Buffer.byteLength(makeBytes(id)),
      compression: "zstd",
      COREDUMP_PID: pid,
      COREDUMP_UID: 0,
      COREDUMP_GID: 0,
      COREDUMP_SIGNAL: 11,
      COREDUMP_SIGNAL_NAME: "SIGSEGV",
      COREDUMP_TIMESTAMP: new Date(usec / 1000).toISOString().replace(".000", ""),
      COREDUMP_COMM: "crash",
      COREDUMP_EXE: "/usr/bin/crash",
      COREDUMP_CMDLINE: "crash now",
      title: "SIGSEGV in crash_here (crash)",
      ...pod,
      ...fields,
      resourceVersion: String(++this.#version)
    }
    node.cores.set(id, { id, summary })
    for (const watcher of node.watchers) watcher.write(`${JSON.stringify({ type: "ADDED", object: summary })}\n`)
    return id
  }

  /** The requests since an earlier count. */
  since(count: number): ReadonlyArray<SimRequest> {
    return this.requests.slice(count)
  }

  #node(name: string): SimNode {
    return this.#nodes.get(this.address(name))!
  }

  #bookmark(response: ServerResponse): void {
    response.write(`{"type":"BOOKMARK","object":{"resourceVersion":"${this.#version}"}}\n`)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const node = this.#nodes.get(request.socket.localAddress!.replace("::ffff:", ""))
    const { pathname, searchParams } = new URL(request.url!, "http://node")
    if (node === undefined) return void response.writeHead(404).end()
    const { authorization } = request.headers
    this.requests.push({ node: node.name, method: request.method!, path: request.url!, authorization })
    const json = (body: unknown) => {
      const headers = { "content-type": "application/json", "koredump-resource-version": String(this.#version) }
      response.writeHead(200, headers).end(JSON.stringify(body))
    }
    // `metadata/{id}` or `metadata/{node}/{id}`: the node name is optional on a node agent.
    const [, , collection, what, ...names] = pathname.split("/").map(decodeURIComponent)
    if (collection === "watch") {
      // The cluster server lists one namespace only to check its permission. No node has cores in it.
      if (searchParams.has("namespace")) return this.#watch(node, [], response)
      return this.#watch(node, searchParams.has("resourceVersion") ? [] : [...node.cores.values()], response)
    }
    if (collection === "nodes") {
      return json([{ name: node.name, state: "ready", since: "2026-01-01T00:00:00Z", cores: 0, bytes: 0 }])
    }
    if (what === undefined) return json(Array.from(node.cores.values(), ({ summary }) => summary))
    const core = node.cores.get(names.at(-1) ?? "")
    if (core === undefined) return void response.writeHead(404).end()
    if (what === "metadata") return json({ ...core.summary, COREDUMP_ENVIRON: makeSecret(core.id) })
    if (what === "delete") {
      node.cores.delete(core.id)
      const object = { ...core.summary, resourceVersion: String(++this.#version) }
      for (const watcher of node.watchers) watcher.write(`${JSON.stringify({ type: "DELETED", object })}\n`)
      return json({})
    }
    const whole = Buffer.from(makeBytes(core.id))
    const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? []
    const body = start === undefined ? whole : whole.subarray(Number(start), Number(end) + 1)
    response.writeHead(start === undefined ? 200 : 206, {
      "content-type": "application/zstd",
      "content-length": body.length,
      "last-modified": modified,
      etag: `"${core.id.length}-${whole.length}"`,
      ...(start === undefined ? {} : { "content-range": `bytes ${start}-${end}/${whole.length}` })
    }).end(request.method === "HEAD" ? undefined : body)
  }

  #watch(node: SimNode, cores: ReadonlyArray<Stored>, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/x-ndjson" })
    response.write(cores.map(({ summary }) => `${JSON.stringify({ type: "ADDED", object: summary })}\n`).join(""))
    this.#bookmark(response)
    node.watchers.add(response)
    response.once("close", () => node.watchers.delete(response))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#heartbeat)
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, "close")
  }
}
