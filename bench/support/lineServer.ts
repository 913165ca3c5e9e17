/** The baseline of the watch benchmark: sends the lines of a file to all clients when it receives data on stdin. */
import { readFileSync } from "node:fs"
import { createServer, type ServerResponse } from "node:http"

const lines = readFileSync(process.argv[2]!, "utf8").split("\n").filter((line) => line !== "").map((line) =>
  Buffer.from(`${line}\n`)
)
const connected = new Set<ServerResponse>()
const server = createServer((_, response) => {
  connected.add(response)
  response.once("close", () => connected.delete(response))
  response.write(`{"type":"BOOKMARK"}\n`)
})
server.listen(0, "127.0.0.1", () => {
  const address = server.address()
  if (typeof address === "object" && address !== null) process.stdout.write(`http://127.0.0.1:${address.port}\n`)
})

const sendFrom = (n: number) => {
  const line = lines[n]
  if (line === undefined) return
  for (const response of connected) response.write(line)
  setImmediate(sendFrom, n + 1)
}
process.stdin.once("data", () => sendFrom(0))
