/**
 * Usage: loadClient.ts URL TOKEN CONNECTIONS MILLISECONDS
 *
 * Requests a URL over keep-alive connections, each without a pause, and prints the number of responses per second. It only
 * counts the bytes of the bodies, so that it costs little compared with the server.
 */
import { connect } from "node:net"

const [url = "", token = "", connections = "1", millis = "1000"] = process.argv.slice(2)
const { hostname, pathname, port, search } = new URL(url)
const request = `GET ${pathname}${search} HTTP/1.1\r\nHost: ${hostname}\r\nAuthorization: Bearer ${token}\r\n\r\n`

let responses = 0
let started = 0
let isDone = false

const fail = (reason: string): never => {
  process.stderr.write(`${url}: ${reason}\n`)
  process.exit(1)
}

const run = () => {
  let head = ""
  let left = 0
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer: Buffer.allocUnsafeSlow(256 * 1024),
      callback: (count, buffer) => {
        let at = 0
        if (left === 0) {
          head += Buffer.from(buffer.buffer, buffer.byteOffset, count).toString("latin1")
          const end = head.indexOf("\r\n\r\n")
          if (end === -1) return true
          const length = Number(/^content-length: (\d+)/im.exec(head.slice(0, end))?.[1])
          if (!head.startsWith("HTTP/1.1 200") || !(length > 0)) fail(head.slice(0, 200))
          // What is left of this read belongs to the body.
          at = count - (head.length - end - 4)
          left = length
          head = ""
        }
        left -= count - at
        if (left < 0) fail("more bytes than announced")
        if (left === 0) {
          responses += 1
          if (isDone) socket.destroy()
          else socket.write(request)
        }
        return true
      }
    }
  }, () => socket.write(request))
  socket.setNoDelay(true)
  socket.on("error", (error) => fail(error.message))
}

for (let i = 0; i < Number(connections); i++) run()
// The first quarter warms up the server.
setTimeout(() => {
  responses = 0
  started = performance.now()
}, Number(millis) / 4)
setTimeout(() => {
  const seconds = (performance.now() - started) / 1000
  isDone = true
  process.stdout.write(`${responses / seconds}\n`)
  process.exit(0)
}, Number(millis) * 1.25)
