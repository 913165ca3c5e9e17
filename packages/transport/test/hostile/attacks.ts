/** What a compromised node can answer to a cluster server. Each attack replaces one answer of a node that works. */
import type { IncomingMessage, ServerResponse } from "node:http"

/** What an attack does. */
export interface Attack {
  /** The route that answers otherwise than usual. */
  readonly route: "watch" | "nodes" | "metadata" | "download"
  readonly answer: (response: ServerResponse, request: IncomingMessage) => void
}

const MiB = 1024 * 1024
/** What the old limit allowed, in bytes. */
const size = 32 * MiB

/** Sends the parts as fast as the client reads, without end if they do not end. */
const send = (response: ServerResponse, parts: Iterable<string | Uint8Array>, type = "application/json") => {
  if (!response.headersSent) response.writeHead(200, { "content-type": type })
  const iterator = parts[Symbol.iterator]()
  const more = (): void => {
    while (!response.destroyed) {
      const { done, value } = iterator.next()
      if (done === true) return void response.end()
      if (!response.write(value)) return void response.once("drain", more)
    }
  }
  more()
}

const repeat = function*(start: string, part: string, end: string, bytes = size) {
  yield start
  const block = part.repeat(Math.ceil(64 * 1024 / part.length))
  for (let sent = 0; sent < bytes; sent += block.length) yield block
  yield end
}

const forever = function*(part: string | ((n: number) => string)) {
  for (let n = 0;; n++) yield typeof part === "string" ? part : part(n)
}

const sendLines = (response: ServerResponse, lines: Iterable<string>) => send(response, lines, "application/x-ndjson")

/** A core as a node sends it. */
export const makeCore = (pid: number, fields: Readonly<Record<string, unknown>> = {}) => ({
  id: `core.crashme.0.0123456789abcdef0123456789abcdef.${pid}.1700000000000000`,
  node: "node-1",
  state: "present",
  compression: "none",
  size: 4,
  COREDUMP_TIMESTAMP: "2023-11-14T22:13:20Z",
  resourceVersion: `a-${pid}`,
  ...fields
})

/** The first fields of a JSON object that is a core. */
const coreStart = `${JSON.stringify(makeCore(1)).slice(0, -1)},`
const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`
const bookmark = line("BOOKMARK", { resourceVersion: "a-1" })
const manyFields = (count: number, value: unknown = 1) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [String(i * 1_048_576 + 5), value]))
const status = `{"name":"node-1","state":"ready","since":"2023-11-14T22:13:20Z","cores":1,"bytes":4`

/** The largest metadata that the limits allow: keys that are slow to parse, and a long text. */
const largestMetadata = () => {
  const fields = JSON.stringify({ ...manyFields(1000), EXTRA: manyFields(31_000) }).slice(1, -1)
  return `${coreStart}${fields},"MESSAGE":"${"\u00e9".repeat((8 * MiB - fields.length - 1000) / 2)}"}`
}

/** All attacks by name. */
export const attacks: Readonly<Record<string, Attack>> = {
  "status with 10 million warnings": {
    route: "nodes",
    answer: (response) => send(response, repeat(`[${status},"warnings":[""`, ",\"\"", "]}]"))
  },
  "status of 380,000 nodes": {
    route: "nodes",
    answer: (response) => send(response, repeat(`[${status}}`, `,${status}}`, "]"))
  },
  "status nested 15 million deep": {
    route: "nodes",
    answer: (response) => send(response, repeat("", "[", ""))
  },
  "status with a version of 32 MiB": {
    route: "nodes",
    answer: (response) => send(response, repeat(`[${status},"agentVersion":"`, "x", "\"}]"))
  },
  "status within the limit, all of it text": {
    route: "nodes",
    answer: (response) => send(response, [`[${status},"agentVersion":"${"x".repeat(60 * 1024)}"}]`])
  },
  "status that claims to be a web page": {
    route: "nodes",
    answer: (response) => send(response, repeat("", "<html>", ""), "text/html")
  },
  "status in gzip": {
    route: "nodes",
    answer: (response) => {
      response.setHeader("content-encoding", "gzip")
      send(response, repeat("", "\u001f\u0000", ""))
    }
  },
  "metadata nested 8 million deep": {
    route: "metadata",
    answer: (response) => send(response, repeat(`${coreStart}"x":`, "[", ""))
  },
  "metadata with 10 million objects": {
    route: "metadata",
    answer: (response) => send(response, repeat(`${coreStart}"x":[{}`, ",{}", "]}"))
  },
  "metadata at the limits": {
    route: "metadata",
    answer: (response) => send(response, [largestMetadata()])
  },
  "metadata with a million duplicate keys": {
    route: "metadata",
    answer: (response) => send(response, repeat(coreStart, "\"a\":1,", "\"a\":1}", 8 * MiB))
  },
  "metadata with a number of 8 million digits": {
    route: "metadata",
    answer: (response) => send(response, repeat(`${coreStart}"x":`, "9", "}", 7 * MiB))
  },
  "metadata with huge numbers": {
    route: "metadata",
    answer: (response) => send(response, repeat(`${coreStart}"x":[1`, `,1e999999,${"9".repeat(900)}`, "]}", 7 * MiB))
  },
  "metadata of the wrong type": {
    route: "metadata",
    answer: (response) => send(response, repeat("[1", ",1", "]", 8 * MiB))
  },
  "metadata byte by byte": {
    route: "metadata",
    answer: (response) => send(response, Array.from({ length: 200_000 }, () => " "))
  },
  "metadata announced as a tebibyte": {
    route: "metadata",
    answer: (response) => {
      response.writeHead(200, { "content-length": String(2 ** 40) })
      response.write("{")
    }
  },
  "an error of 32 MiB, with Retry-After of a year": {
    route: "metadata",
    answer: (response) => {
      response.writeHead(503, { "content-type": "application/problem+json", "retry-after": "31536000" })
      response.end("[".repeat(size))
    }
  },
  "headers of 1 MiB": {
    route: "metadata",
    answer: (response) => {
      response.socket?.end(`HTTP/1.1 200 OK\r\nx-large: ${"x".repeat(MiB)}\r\ncontent-length: 2\r\n\r\n{}`)
    }
  },
  "early hints without end": {
    route: "metadata",
    answer: (response) => {
      const more = (): void => {
        while (response.socket?.writable === true) {
          if (!response.socket.write("HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(1000))) {
            return void response.socket.once("drain", more)
          }
        }
      }
      more()
    }
  },
  "a file that is longer than HEAD said": {
    route: "download",
    answer: (response, request) => {
      const headers = { etag: "\"a\"", "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT" }
      if (request.method === "HEAD") return void response.writeHead(200, { ...headers, "content-length": "4" }).end()
      response.writeHead(200, headers)
      send(response, forever("x".repeat(64 * 1024)))
    }
  },
  "a watch of one line without end": {
    route: "watch",
    answer: (response) => sendLines(response, forever("x".repeat(64 * 1024)))
  },
  "a watch byte by byte": {
    route: "watch",
    answer: (response) => sendLines(response, forever(" "))
  },
  "a watch with a core nested half a million deep": {
    route: "watch",
    answer: (response) => sendLines(response, [`{"type":"ADDED","object":${"[".repeat(MiB / 2)}\n`])
  },
  "a watch of bookmarks without end": {
    route: "watch",
    answer: (response) => sendLines(response, forever(bookmark.repeat(100)))
  },
  "a watch that changes one wide core without end": {
    route: "watch",
    answer: (response) => {
      const fields = JSON.stringify({ ...manyFields(900), title: "x".repeat(180 * 1024) }).slice(1, -1)
      const change = (n: number) => `{"type":"MODIFIED","object":${coreStart}"COREDUMP_PID":${n},${fields}}}\n`
      sendLines(
        response,
        (function*() {
          yield bookmark
          yield* forever(change)
        })()
      )
    }
  },
  "a replay of wide cores without end": {
    route: "watch",
    answer: (response) =>
      sendLines(response, forever((n) => line("ADDED", makeCore(n + 1, { title: "x".repeat(200 * 1024) }))))
  },
  "a replay of small cores without end": {
    route: "watch",
    answer: (response) => sendLines(response, forever((n) => line("ADDED", makeCore(n + 1))))
  },
  "a watch of the same core without end": {
    route: "watch",
    answer: (response) => sendLines(response, forever(line("ADDED", makeCore(1)) + bookmark))
  },
  "a watch of new namespaces without end": {
    route: "watch",
    answer: (response) =>
      sendLines(
        response,
        (function*() {
          for (let n = 1; n < 9000; n++) yield line("ADDED", makeCore(n, { namespace: "shop" }))
          yield bookmark
          yield* forever((n) =>
            line("ADDED", makeCore(n + 10_000, { namespace: `n${n}`, COREDUMP_TIMESTAMP: "2001-01-01T00:00:00Z" }))
          )
        })()
      )
  }
}

/** Answers like a node with one core, except for the attack. */
export const makeHostileNode = (attack: Attack | undefined) => (request: IncomingMessage, response: ServerResponse) => {
  const path = request.url ?? ""
  const route = path.startsWith("/apiv1/watch")
    ? "watch"
    : path.startsWith("/apiv1/nodes")
    ? "nodes"
    : path.includes("/metadata/")
    ? "metadata"
    : "download"
  response.on("error", () => {})
  if (attack?.route === route) return attack.answer(response, request)
  switch (route) {
    case "watch":
      response.writeHead(200, { "content-type": "application/x-ndjson" })
      return void response.write(line("ADDED", makeCore(1)) + bookmark)
    case "nodes":
      return send(response, [`[${status}}]`])
    case "metadata":
      return send(response, [JSON.stringify(makeCore(1, { MESSAGE: "it crashed" }))])
    case "download":
      response.writeHead(200, {
        "content-length": "4",
        "etag": "\"a\"",
        "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT"
      })
      return void response.end("core")
  }
}
