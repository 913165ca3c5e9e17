import { Effect, type Scope } from "effect"
import { HttpServerRequest } from "effect/http"
import type { Socket } from "node:net"
import { getNodejsResponse } from "../http/sendFile.ts"
import { onReceived, receivedBytes } from "../http/sendQueues.ts"

/** The connection of a client that receives nothing of a complete answer for this long is reset. In milliseconds. */
const stalledAfter = 10_000

/** Ends the wait for a client to receive the last answer, by the connection. */
const unreceived = new WeakMap<Socket, () => void>()

/**
 * Runs the function when the client has received the response of the current request, or the connection is closed. Until
 * then, the response uses memory, even if its handler has ended: first in the process, then in the kernel.
 *
 * The next request on a connection shows that the client has received the response to the last one. Otherwise, at most one
 * response of each connection is in the kernel. An answer that `isSmall` counts as received when it has been written.
 */
export const onAnswerReceived = Effect.fnUntraced(
  function*(
    run: () => void,
    isSmall: boolean
  ): Effect.fn.Return<void, never, HttpServerRequest.HttpServerRequest | Scope.Scope> {
    const response = getNodejsResponse(yield* HttpServerRequest.HttpServerRequest)
    if (response === undefined) return yield* Effect.addFinalizer(() => Effect.sync(run))
    if (isSmall) {
      if (response.closed || response.destroyed) run()
      else response.once("close", run)
      return
    }
    const { socket } = response.req
    unreceived.get(socket)?.()
    const written = socket.bytesWritten
    let closesConnection = false
    const isLarge = () => socket.bytesWritten - written > receivedBytes
    // With `Connection: close`, Node.js would close the connection here, and the kernel would keep the answer for minutes.
    response.prependListener("finish", () => {
      const internals = response as unknown as { _last: boolean }
      closesConnection = internals._last && isLarge()
      if (closesConnection) internals._last = false
    })
    const wait = () => {
      if (socket.destroyed || !isLarge()) return run()
      // Node.js would close the idle connection, and the kernel would keep what the client has not received.
      const { timeout = 0 } = socket
      socket.setTimeout(0)
      unreceived.set(
        socket,
        onReceived(socket, () => {
          unreceived.delete(socket)
          // During the next request, Node.js has set another timeout.
          if (socket.timeout === 0) socket.setTimeout(timeout)
          if (closesConnection) socket.destroySoon()
          run()
        }, stalledAfter)
      )
    }
    if (response.closed || response.destroyed) wait()
    else response.once("close", wait)
  }
)
