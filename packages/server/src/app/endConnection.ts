import type { Duplex } from "node:stream"

/** How long a client has to read the last answer and to close the connection, in milliseconds. */
const lastAnswerTimeout = 1000

/**
 * Sends a last answer and closes the connection. Without a deadline, it would stay open until the client closes it. It is
 * not closed at once: closing with unread input resets the connection, and the client could lose the answer.
 */
export const endConnection = (socket: Duplex, answer: string): void => {
  const timer = setTimeout(() => socket.destroy(), lastAnswerTimeout)
  socket.once("close", () => clearTimeout(timer))
  socket.end(answer)
}
