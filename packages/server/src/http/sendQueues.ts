/**
 * What clients have not received yet. After a write, bytes wait in the send queue of the kernel: up to 4 MiB for each
 * connection, which count in the memory of a container. Node.js cannot limit or read these queues, so this reads the tables
 * of Linux (proc(5), `/proc/net/tcp`). Elsewhere, and for Unix sockets, bytes count as received when they are written.
 */
import { readFile } from "node:fs/promises"
import type { Socket } from "node:net"

/** Bytes in send queues, by `toKey`. */
type SendQueues = ReadonlyMap<number, number>

const toKey = (localPort: number, remotePort: number): number => localPort * 0x10000 + remotePort

/**
 * Parses a table of TCP connections. Connections with the same ports, but other addresses, count with the longest of their
 * queues: to compare addresses is not worth it.
 */
export const parseTcpTable = (text: string, queues = new Map<number, number>()): Map<number, number> => {
  for (const [, local, remote, bytes] of text.matchAll(/^ *\d+: \w+:(\w{4}) \w+:(\w{4}) \w\w (\w{8}):/gm)) {
    const key = toKey(Number.parseInt(local!, 16), Number.parseInt(remote!, 16))
    queues.set(key, Math.max(queues.get(key) ?? 0, Number.parseInt(bytes!, 16)))
  }
  return queues
}

const readSendQueues = async (): Promise<SendQueues> => {
  const texts = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/self/net/${name}`, "latin1").catch(() => ""))
  )
  return texts.reduce((queues, text) => parseTcpTable(text, queues), new Map<number, number>())
}

/** The connection that the server accepted. With TLS, requests have a socket that wraps it. */
export const toAccepted = (socket: Socket): Socket => (socket as { readonly _parent?: Socket })._parent ?? socket

/** Closes a connection so that the kernel drops its send queue. Otherwise, it would keep it for minutes. */
export const resetConnection = (socket: Socket): void => {
  const accepted = toAccepted(socket)
  // A Unix socket cannot be reset.
  if (accepted.remotePort === undefined) accepted.destroy()
  else accepted.resetAndDestroy()
}

/** A client has received an answer if no more than this is in the send queue, in bytes. */
export const receivedBytes = 64 * 1024

/** Most waits end at once. The others are rare, and clients that do not read can be many. */
const pollMillis = (waitedMillis: number) => waitedMillis < 1000 ? 25 : 250

interface Waiter {
  readonly socket: Socket
  readonly key: number
  readonly since: number
  readonly resetAfter: number
  readonly end: () => void
  /** The queue, and when it last changed. */
  bytes: number
  progressAt: number
  /** In how many tables in a row the connection was missing. */
  missing: number
}

const waiters = new Set<Waiter>()
let isPolling = false

/** Linux omits some connections if others close while it makes the table. */
const maxMissing = 10

const checkWaiter = (waiter: Waiter, queues: SendQueues, now: number): void => {
  const found = queues.get(waiter.key)
  if (found === undefined && queues.size > 0 && waiter.missing < maxMissing) {
    waiter.missing += 1
    return
  }
  waiter.missing = 0
  const bytes = found ?? 0
  if (bytes <= receivedBytes || waiter.socket.destroyed) return waiter.end()
  if (bytes !== waiter.bytes) {
    waiter.bytes = bytes
    waiter.progressAt = now
  }
  if (now - waiter.progressAt < waiter.resetAfter) return
  resetConnection(waiter.socket)
  waiter.end()
}

const poll = async (): Promise<void> => {
  if (isPolling) return
  isPolling = true
  while (waiters.size > 0) {
    const startedAt = performance.now()
    const queues = await readSendQueues()
    const now = performance.now()
    // The table may not have what a later waiter has written.
    for (const waiter of waiters) if (waiter.since <= startedAt) checkWaiter(waiter, queues, now)
    const shortest = Math.min(...Array.from(waiters, ({ since }) => pollMillis(now - since)))
    if (waiters.size > 0) await new Promise((resolve) => setTimeout(resolve, shortest).unref())
  }
  isPolling = false
}

/**
 * Runs the function once the client has received almost everything that was written on the socket, or the socket is closed.
 * If the client receives nothing for `resetAfter` milliseconds, the connection is reset. Returns the function that runs it
 * at once.
 */
export const onReceived = (
  socket: Socket,
  run: () => void,
  resetAfter: number = Number.POSITIVE_INFINITY
): () => void => {
  const { localPort, remotePort } = socket
  const end = () => {
    if (!waiters.delete(waiter)) return
    socket.off("close", end)
    run()
  }
  const now = performance.now()
  const key = toKey(localPort ?? 0, remotePort ?? 0)
  const waiter: Waiter = { socket, key, since: now, resetAfter, end, bytes: 0, progressAt: now, missing: 0 }
  waiters.add(waiter)
  socket.once("close", end)
  if (socket.destroyed) end()
  else void poll()
  return end
}
