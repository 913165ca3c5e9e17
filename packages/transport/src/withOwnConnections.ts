import { Effect } from "effect"
import { HttpClient, HttpClientError, type HttpClientRequest, HttpClientResponse } from "effect/http"
import type { Agent } from "node:http"
import type { Agent as SecureAgent } from "node:https"
import { connect, isIP } from "node:net"
import { connect as connectTls, type ConnectionOptions } from "node:tls"
import { parseResponseHead } from "./parseResponseHead.ts"
import { SocketBody } from "./SocketBody.ts"

/** The agents of the other requests. */
interface Agents {
  readonly http: Agent
  readonly https: SecureAgent
}

/** A body that is still on its connection. */
export interface OwnBody {
  readonly body: SocketBody
  /** Bytes of the body. */
  readonly length: number
  /** Closes the connection. */
  readonly close: () => void
}

const bodies = new WeakMap<object, OwnBody>()

/** The body of a response that has its own connection. */
export const findOwnBody = (source: object): OwnBody | undefined => bodies.get(source)

const maxHeadBytes = 16 * 1024

/** The head of a request. Undefined if it cannot be sent. */
const formatRequest = ({ headers, method }: HttpClientRequest.HttpClientRequest, url: URL): string | undefined => {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  const head = [`${method} ${url.pathname}${url.search} HTTP/1.1`, `host: ${url.host}`, ...lines]
  return head.every((line) => /^[\t\x20-\x7e\x80-\xff]*$/.test(line)) ? `${head.join("\r\n")}\r\n\r\n` : undefined
}

const openSocket = (url: URL, agents: Agents, { onread }: SocketBody, onOpen: () => void) => {
  const host = url.hostname.replace(/^\[|\]$/g, "")
  if (url.protocol === "http:") return connect({ host, port: Number(url.port || 80), onread }, onOpen)
  const { rejectUnauthorized, secureContext, servername = isIP(host) === 0 ? host : undefined } = agents.https.options
  const options: ConnectionOptions & { readonly onread: SocketBody["onread"] } = {
    host,
    port: Number(url.port || 443),
    rejectUnauthorized: rejectUnauthorized !== false,
    ALPNProtocols: ["http/1.1"],
    secureContext,
    servername,
    onread
  }
  return connectTls(options, onOpen)
}

/** Sends a request on a new connection. Resolves to undefined if that fails in any way, or if the response is unusual. */
const requestAlone = (
  request: HttpClientRequest.HttpClientRequest,
  url: URL,
  agents: Agents,
  signal: AbortSignal
): Promise<Response | undefined> =>
  new Promise((resolve) => {
    const head = formatRequest(request, url)
    if (head === undefined || signal.aborted) return resolve(undefined)
    const body = new SocketBody()
    // Only now, with TLS: before, the certificate is not verified.
    const socket = openSocket(url, agents, body, () => socket.write(head, "latin1"))
    const close = () => {
      signal.removeEventListener("abort", close)
      socket.destroy()
    }
    signal.addEventListener("abort", close)
    body.attach(socket)
    body.wake = () => {
      const text = body.takeHead()
      if (text === undefined && body.length <= maxHeadBytes && !body.isEnded) return
      body.wake = undefined
      const parsed = text === undefined ? undefined : parseResponseHead(text)
      if (parsed === undefined) {
        close()
        return resolve(undefined)
      }
      const response = new Response(null, { status: parsed.status, headers: parsed.headers.map(([...field]) => field) })
      bodies.set(response, { body, length: parsed.length, close })
      resolve(response)
    }
  })

/**
 * A client that sends GET requests with `Connection: close` on connections of their own, whose bodies only `readBody` can
 * read: large downloads then need a third of the processor time. If a response is not a simple success, or if there is
 * none, the other client sends the request again.
 */
export const withOwnConnections = (client: HttpClient.HttpClient, agents: Agents): HttpClient.HttpClient => {
  const alone = HttpClient.make((request, url, signal) =>
    Effect.promise(() => requestAlone(request, url, agents, signal)).pipe(
      Effect.flatMap((response) =>
        response === undefined
          ? Effect.fail(
            new HttpClientError.HttpClientError({ reason: new HttpClientError.TransportError({ request }) })
          )
          : Effect.succeed(HttpClientResponse.fromWeb(request, response))
      )
    )
  )
  return HttpClient.transform(
    client,
    (send, request) =>
      request.method === "GET" && request.headers["connection"] === "close"
        ? Effect.catch(alone.execute(request), () => send)
        : send
  )
}
