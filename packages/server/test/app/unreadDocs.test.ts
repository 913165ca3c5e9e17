/** Clients that request the documentation and never read it. */
import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { makeHost, start } from "../support/program.ts"

/** Resident memory of a process, in MiB. */
const readResident = (pid: number) =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024

/** Sends a request and waits for the first bytes of the answer. The rest stays unread. */
const requestUnread = (address: string, path: string, headers = "") =>
  new Promise<Socket>((resolve, reject) => {
    const socket = connect(Number(new URL(address).port), "127.0.0.1")
    socket.on("error", reject).once("readable", () => resolve(socket))
    socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n${headers}\r\n`)
  })

describe("300 clients that request /docs and never read", () => {
  it.each(["", "Accept-Encoding: gzip\r\n"])("cost less than 64 MiB (%j)", async (headers) => {
    await using host = await makeHost()
    // With this memory limit, all of them are answered at the same time.
    const args = ["--listen", "127.0.0.1:0", "--memory-limit", "64Gi"]
    await using server = await start("local", "--root", host.root, ...args)
    const before = readResident(server.child.pid!)
    const sockets = await Promise.all(
      Array.from({ length: 300 }, () => requestUnread(server.address, "/docs", headers))
    )
    sockets.push(await requestUnread(server.address, "/health"))
    const growth = readResident(server.child.pid!) - before
    for (const socket of sockets) socket.destroy()
    assert.isBelow(growth, 64)
  }, 60_000)
})
