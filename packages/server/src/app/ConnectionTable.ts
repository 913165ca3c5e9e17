/** What to do with a new connection: accept it, accept it and close another one, or refuse it. */
export type Admission<Connection> = "accept" | "refuse" | { readonly close: Connection }

/**
 * The open connections of a server. If there are too many, a new one replaces the connection that has been without a
 * request for the longest time: clients that connect and stay silent cannot keep others out. Connections with a running
 * request are never replaced.
 */
export class ConnectionTable<Connection> {
  readonly #max: number
  /** The number of running requests of each connection. */
  readonly #running = new Map<Connection, number>()
  /** Connections without a request. The first one has been idle for the longest time. */
  readonly #idle = new Set<Connection>()

  constructor(max: number) {
    this.#max = max
  }

  /** The number of open connections. */
  get size(): number {
    return this.#running.size
  }

  /** Adds a connection, unless it must be refused. Removes the one that it replaces. */
  open(connection: Connection): Admission<Connection> {
    const [oldest] = this.#idle
    const isFull = this.#running.size >= this.#max
    if (isFull && oldest === undefined) return "refuse"
    if (isFull) this.close(oldest!)
    this.#running.set(connection, 0)
    this.#idle.add(connection)
    return isFull ? { close: oldest! } : "accept"
  }

  /** A request of the connection starts. */
  begin(connection: Connection): void {
    const running = this.#running.get(connection)
    if (running === undefined) return
    this.#running.set(connection, running + 1)
    this.#idle.delete(connection)
  }

  /** A request of the connection has ended. */
  end(connection: Connection): void {
    const running = this.#running.get(connection)
    if (running === undefined) return
    this.#running.set(connection, running - 1)
    if (running === 1) this.#idle.add(connection)
  }

  /** The connection is closed. */
  close(connection: Connection): void {
    this.#running.delete(connection)
    this.#idle.delete(connection)
  }
}
